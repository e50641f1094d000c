"""Renders snippets and whole templates with jinja2, set up as transformers does, into goldens.json.

usage: python make_goldens.py [demo-model.gguf] > goldens.json      (needs jinja2, and gguf for the model)

A case is a template with its inputs and either the output or, for one that jinja2 refuses, null.
"""
import json
import pathlib
import sys

import jinja2
import jinja2.ext
from jinja2.sandbox import ImmutableSandboxedEnvironment, SandboxedEnvironment

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from snippets import MUTATING, SNIPPETS
from templates import CONVERSATIONS, TEMPLATES


class Generation(jinja2.ext.Extension):
    """{% generation %} renders its body, as a call block, like transformers' AssistantTracker."""

    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("_render"), [], [], body).set_lineno(line)

    @jinja2.pass_eval_context
    def _render(self, context, caller):
        return caller()


def raise_exception(message):
    raise jinja2.exceptions.TemplateError(message)


def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


class Dict:
    def __call__(self, *args, **kwargs):
        return dict(*args, **kwargs)


def environment(kind):
    env = kind(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols])
    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = raise_exception
    env.globals["dict"] = Dict()
    return env


def render(env, case):
    try:
        return env.from_string(case["template"]).render(
            messages=case.get("messages", []), tools=case.get("tools"), documents=None,
            add_generation_prompt=case.get("add_generation_prompt", True),
            bos_token="<s>", eos_token="</s>", **case.get("extra", {}))
    except Exception as error:
        case["error"] = f"{type(error).__name__}: {error}"[:120]
        return None


# What every snippet sees besides the usual variables.
EXTRA = {
    "s": "Hello, World", "u": "Grüße, Élan 日本 🦊 straße", "ws": "  \t padded\n ", "empty": "", "html": "<a href='x'>\"&</a>",
    "n": 7, "neg": -7, "f": 2.5, "big": 1e20, "small": 0.00001, "t": True, "no": False, "nil": None,
    "xs": [3, 1, 2], "words": ["pear", "Apple", "fig", "apple"], "none_list": [], "mixed": [1, "a", None, 2.5, True],
    "d": {"b": 2, "a": 1, "items": "mine", "Z": [1, {"k": "v"}]},
    "people": [{"name": "Bo", "age": 30, "pet": {"kind": "cat"}}, {"name": "al", "age": 25, "pet": {"kind": "dog"}},
               {"name": "Cy", "age": 30, "admin": True}],
    "multi": "one\ntwo\r\n\nthree\n", "q": "it's", "qq": "both ' and \"", "nested": [[1, 2], [3, [4, 5]]],
    "bs": "back\\slash \u0001 \u007f \u2028 tab\t",
}


def gguf_template(path):
    import gguf

    return gguf.GGUFReader(path).fields["tokenizer.chat_template"].contents()


def main():
    cases = []
    immutable, mutable = environment(ImmutableSandboxedEnvironment), environment(SandboxedEnvironment)
    messages = [{"role": "user", "content": "Hi <|im_end|>"}, {"role": "assistant", "content": "Hello"}]
    for i, template in enumerate(SNIPPETS):
        case = {"name": f"snippet {i}: {template}", "template": template, "messages": messages}
        case["output"] = render(immutable, case | {"extra": EXTRA})
        cases.append(case)
    for i, template in enumerate(MUTATING):  # lists and maps may change here, as in other interpreters
        case = {"name": f"mutating {i}: {template}", "template": template, "messages": messages}
        case["output"] = render(mutable, case | {"extra": EXTRA})
        cases.append(case)
    for family, template in TEMPLATES.items():
        for conversation, inputs in CONVERSATIONS.items():
            for prompt in (True, False):
                case = {"name": f"{family}, {conversation}, prompt {prompt}", "family": family,
                        "conversation": conversation, "add_generation_prompt": prompt}
                full = dict(inputs, template=template, add_generation_prompt=prompt)
                case["output"] = render(immutable, full)
                cases.append(case)
    demo = []
    if len(sys.argv) > 1:  # only what the model's own template makes is stored, not the template
        template = gguf_template(sys.argv[1])
        for conversation, inputs in CONVERSATIONS.items():
            for prompt in (True, False):
                case = {"conversation": conversation, "add_generation_prompt": prompt}
                case["output"] = render(immutable, dict(inputs, template=template, tools=None, extra={}, **case))
                demo.append(case)
    json.dump({"extra": EXTRA, "demo": demo, "templates": TEMPLATES, "conversations": CONVERSATIONS, "cases": cases}, sys.stdout,
              ensure_ascii=False, indent=0)


if __name__ == "__main__":
    main()
