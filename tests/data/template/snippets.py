"""Snippets of the template language, each a whole template. SNIPPETS are rendered in the immutable sandbox."""

EXPRESSIONS = r"""
1 + 2 * 3 - 4
(1 + 2) * 3
7 // 2 ~ ' ' ~ neg // 2 ~ ' ' ~ 7 % 3 ~ ' ' ~ neg % 3
7 / 2
6 / 2
2 ** 10
2 ** 3 ** 2
2 ** -1
-2 ** 2
-n
+n
- -n
not t
not not n
1 + 2 ~ 3 + 4
1 ~ 2 * 3
1 ~ 2 + 3
'a' ~ 'b' + 'c'
'a' ~ 2 - 3
3 - 1 ~ ''
2 ** 2 ~ 2 ** 3
-1 ~ -2
not 1 ~ 2
'1' ~ 2 == '12'
'a' + 'b' ~ 1
'ab' * 3
3 * 'ab'
[1] * 3
[1, 2] + [3]
(1, 2) + (3,)
()
(1,)
1, 2
[1, 'two', 3.0, none, true]
{'a': 1, "b": [1], 3: 'x', none: 0}
{'a': {'b': {'c': 1}}}.a.b.c
{}
1.5
1e3
1.5e-7
1_000
0x1F + 0b11 + 0o17
1e16
1e15
123456789012345680.0
0.1 + 0.2
100.0
big
small
f * 2
f // 1
neg // 2.0
neg % 2.5
-7.5 % 2
5 % 0
5 / 0
5 // 0.0
n == 7
n == 7.0
n != 7
1 < 2 < 3
1 < 3 < 2
1 == 1 == 1
'a' < 'b'
[1, 2] < [1, 3]
1 < 'a'
none < 1
none == none
t == 1
'1' == 1
n >= 7 and n <= 7
0 or 'x'
'' or none
'a' and 'b'
n and not no or nil
'yes' if n > 5 else 'no'
'yes' if n > 50 else 'no'
'yes' if n > 50
('a' if no) is undefined
'a' if no else 'b' if no else 'c'
'ell' in s
'xyz' not in s
2 in xs
5 not in xs
'a' in d
'x' in d
'a' in missing
1 in 'abc'
1 in 5
not 2 in xs
s[0]
s[-1]
s[100]
s[1:4]
s[:-1]
s[::-1]
s[::2]
s[-3:]
s[10:2:-2]
s[5:2]
u[0:5]
u[7]
u[::-1]
u | length
u[-6:]
xs[0]
xs[-1]
xs[10]
xs[10] is defined
xs[::-1]
xs[1:]
xs[:1]
xs[-2:]
xs[::-2]
xs[5:]
xs[:100]
xs[::0]
xs[1.5]
xs['a']
xs.0
nested.1.0
nested[1][1][0]
d['a']
d.a
d['items']
d.items()
d.keys()
d.values()
d.get('a')
d.get('zz')
d.get('zz', 'def')
d.zz
d.zz.y
d['zz']
d['zz'].y
d.Z[1].k
d[1:2]
missing
missing.x
missing['x']
missing[0:1]
missing + 1
1 + missing
missing == missing
missing == none
missing < 1
missing()
missing | length
missing | default('d')
missing or 'x'
nil.x
nil.x.y
nil[0]
n.x
n[0]
nil | default('d')
nil | default('d', true)
'' | d('e', boolean=true)
'' | d('e')
missing.x | default('d')
s.upper()
s.lower()
s.title()
s.swapcase()
'hELLO wORLD'.capitalize()
"they're bill's".title()
u.upper()
u.lower()
u | upper
u | title
u | capitalize
s | title
'foo-bar (baz) [qux] {x} <y>' | title
'foo_bar.baz' | title
ws.strip() ~ '|'
ws.lstrip() ~ '|'
ws.rstrip() ~ '|'
ws | trim ~ '|'
'xxhixx'.strip('x')
'xyhiyx'.lstrip('xy')
'xyhiyx'.rstrip('yx')
'xxhixx' | trim('x')
' \u00a0\u2003x\u3000'.strip()
s.split(', ')
s.split()
s.split('l')
s.split('l', 1)
s.split('')
ws.split()
' a  b c '.split(none, 1)
' a  b c '.split(' ')
s.rsplit('l', 1)
' a  b c '.rsplit(none, 1)
'a,b,c'.rsplit(',')
'<think>x</think>y'.split('</think>')[-1].lstrip('\n')
'<think>x</think>y'.split('</think>')[0].split('<think>')[-1]
'a=b=c'.partition('=')
'a=b=c'.rpartition('=')
'abc'.partition('=')
'abc'.rpartition('=')
multi.splitlines()
multi.splitlines(true)
s.startswith('Hell')
s.startswith(('x', 'H'))
s.startswith('ell', 1)
s.endswith('ld')
s.endswith(('x', 'y'))
s.endswith('Hello', 0, 5)
s.startswith(1)
s.replace('l', 'L')
s.replace('l', 'L', 1)
s.replace('', '-')
'abc'.replace('', '-', 2)
s | replace('o', '0')
s | replace('o', '0', 1)
n | replace('7', '8')
s.find('o')
s.find('zz')
s.rfind('o')
s.index('o')
s.index('zz')
s.count('l')
s.count('')
u.find('日')
u.find('a', 8)
', '.join(words)
'-'.join('abc')
', '.join(xs)
'{} and {}'.format(1, 'x')
'{1} {0} {name}'.format('a', 'b', name='c')
'{0[1]} {0}'.format(xs)
'{:>5}|{:<5}|{:^5}|{:05d}|{:.2f}'.format('a', 'b', 'c', 42, 3.14159)
'{{}} {!r}'.format('x')
'{}'.format()
'%s is %d years, %.1f%%' % ('Bo', 30, 99.5)
'%s' % 'x'
'%5s|%-5s|%05d|%x' | format('a', 'b', 42, 255)
'%(a)s' % {'a': 'x'}
'%(a)s %(b)d' | format(a='x', b=3)
'%s %s' % ('a',)
'%s' % ('a', 'b')
'%d' % 'x'
'abc'.center(9, '*')
'abc'.ljust(5) ~ '|'
'abc'.rjust(5)
'7'.zfill(3)
'-7'.zfill(4)
'abc' | center(9) ~ '|'
'abc'.isalpha()
'abc1'.isalnum()
'123'.isdigit()
''.isdigit()
'ABC'.isupper()
'aB'.islower()
' \n'.isspace()
'prefix-x'.removeprefix('prefix-')
'x.txt'.removesuffix('.txt')
s.nothing()
s.nothing
s.strip is defined
s.__class__
s.upper(1)
s.split(sep=',')
'a' 'b' "c"
'esc: \n\t\\\'\" \x41 \u00e9 \U0001F98A \101 \d'
"a\
b"
q
[q, qq, 'x\ny', bs]
u | list
s | list | length
xs | first
xs | last
none_list | first
none_list | last
s | first
s | last
xs | length
d | length
s | count
n | length
nil | length
xs | sort
xs | sort(reverse=true)
words | sort
words | sort(case_sensitive=true)
people | sort(attribute='age') | map(attribute='name') | list
people | sort(attribute='age,name') | map(attribute='name') | join(',')
people | sort(attribute='name', reverse=true) | map(attribute='name') | join(',')
mixed | sort
words | unique | list
words | unique(case_sensitive=true) | list
xs | reverse | list
s | reverse
xs | join
xs | join(', ')
people | join(', ', attribute='name')
words | map('upper') | list
words | map('replace', 'p', 'P') | list
words | map('length') | sum
people | map(attribute='pet.kind') | list
people | map(attribute='pet.kind', default='?') | list
people | map(attribute='admin', default=false) | list
people | map(attribute='name') | map('lower') | join('|')
nested | map(attribute=0) | list
nested | map('first') | list
words | map('nofilter') | list
people | selectattr('admin') | list | length
people | selectattr('admin', 'defined') | map(attribute='name') | list
people | rejectattr('admin') | map(attribute='name') | list
people | rejectattr('admin', 'defined') | map(attribute='name') | list
people | selectattr('age', 'equalto', 30) | map(attribute='name') | list
people | selectattr('age', '==', 30) | list | length
people | selectattr('age', '>', 26) | list | length
people | selectattr('name', 'in', ['Bo', 'Cy']) | list | length
people | selectattr('pet.kind', 'eq', 'cat') | list | length
mixed | select('string') | list
mixed | reject('string') | list
mixed | select | list
mixed | select('number') | list
xs | select('odd') | list
xs | select('gt', 1) | list
xs | select('divisibleby', 3) | list
xs | min
xs | max
words | min
words | max
none_list | max
people | max(attribute='age') | string | length
xs | sum
xs | sum(start=10)
people | sum(attribute='age')
none_list | sum
words | sum
xs | batch(2) | list
xs | batch(2, 'x') | list
d | dictsort
d | dictsort(case_sensitive=true)
{'x': 2, 'y': 1} | dictsort(by='value')
{'x': 2, 'y': 1} | dictsort(false, 'key', true)
d | items | list
missing | items | list
xs | items | list
d | list
d | tojson
d | tojson(indent=2)
d | tojson(indent=4) | length
{} | tojson(indent=2)
[] | tojson(indent=2)
[[], {}] | tojson(indent=1)
nested | tojson
u | tojson
u | tojson(ensure_ascii=true)
html | tojson
bs | tojson
1.0 | tojson
[1e20, 1.5, 1e-7, -0.0] | tojson
{1: 2, none: 3, true: 4, 1.5: 5} | tojson
{'b': 1, 'a': 2} | tojson(sort_keys=true)
{'b': 1, 'a': [1, 2]} | tojson(separators=(',', ':'))
{'b': 1, 'a': [1, 2]} | tojson(indent=2, separators=(',', ':'))
[true, false, none] | tojson
missing | tojson
messages[0] | tojson
(1, 2) | tojson
s | string
n | string ~ '!'
xs | string
'42' | int
'42.9' | int
'x' | int
'x' | int(5)
'ff' | int(base=16)
'0xff' | int(0, 16)
' 12 ' | int
2.9 | int
-2.9 | int
nil | int
'3.5' | float
'x' | float
'x' | float(1.5)
n | float
'1e3' | float
2.567 | round(2)
2.5 | round
3.5 | round
2.4 | round(method='ceil')
2.6 | round(0, 'floor')
1234 | round(-2)
7 | round
2.675 | round(2)
-7 | abs
-7.5 | abs
'x' | abs
html | escape
html | e
html | safe
multi | indent
multi | indent(2, true)
multi | indent('> ', first=true, blank=true)
'a b  c-d' | wordcount
'lorem ipsum dolor sit amet' | truncate(12)
'lorem ipsum dolor sit amet' | truncate(12, true)
'lorem ipsum dolor sit amet' | truncate(12, true, '!', 0)
'short' | truncate(12)
d | attr('items') is callable
s | nofilter
s | upper | lower | title
s | upper()
(s | upper) ~ (n | string)
s | upper ~ '!'
s ~ n | string
-n | abs
-7 | abs + 1
n is defined
missing is defined
missing is undefined
missing is not defined
nil is none
n is none
nil is not none
s is string
n is string
s is not string
n is number
f is number
t is number
n is integer
t is integer
f is float
t is boolean
t is true
t is false
no is false
n is true
d is mapping
xs is mapping
xs is iterable
s is iterable
n is iterable
d is iterable
missing is iterable
xs is sequence
s is sequence
d is sequence
n is sequence
missing is sequence
(1, 2) is sequence
n is odd
n is even
n is divisibleby 7
n is divisibleby(2)
n is equalto 7
n is eq(7)
n is ne 7
n is gt 5
n is lt(5)
n is ge 7
n is in [1, 7]
n is not in [1, 7]
n is sameas 7
'abc' is lower
'ABC' is upper
range is callable
n is callable
d.items is callable
'upper' is filter
'nope' is filter
n is nosuchtest
n is defined and n > 5
n is defined is true
not n is defined
n is not none and s is string
missing is defined or 'x'
x.y.z is defined
d.zz.y is defined
d.zz is defined
range(5) | list
range(2, 5) | list
range(5, 0, -2) | list
range(0) | list
range(3)[1]
range(100001)
range(1, 2, 0)
dict(a=1, b='x')
dict({'a': 1}, b=2)
dict([('a', 1)])
dict(a=1) | tojson
namespace(a=1).a
namespace(a=1).b
namespace({'a': 5}).a
raise_exception('boom')
joiner('|')()
messages[0].content
messages[0]['role'] == 'user'
messages[-1].role
messages | length
messages | selectattr('role', 'equalto', 'user') | list | length
messages[1:] | map(attribute='content') | join
messages[0].tool_calls is defined and messages[0].tool_calls
messages[0].tool_calls
messages[0].get('name', 'anon')
'name' in messages[0]
add_generation_prompt
tools is none
not tools
bos_token ~ eos_token
[1, 2, 3,]
{'a': 1,}
s.upper().lower().title()
d.Z | first
(xs | sort)[0]
(d.values() | list)[0]
(xs, words)[1][0]
{'a': 1}['a']
[1, 2][0]
'abc'[1]
'abc'[1:] ~ 'x'
(1 if t else 2) + 1
1 if t else 2 + 1
xs | length > 2
xs | length == 3 and n == 7
loop
loop.index
caller
'\u00df' | upper
'ǅ' | lower
'ΑΣΑ' | lower
dict(**{'a': 1})
range(*[1, 4]) | list
s.replace(*['l', 'L'])
1.0 == 1
{1: 'a'}[1.0]
{true: 'a'}[1]
{(1, 2): 'a'}[(1, 2)]
{'a': 1} == {'a': 1.0}
[1, [2]] == [1, [2]]
(1, 2) == [1, 2]
[] == none
{[1]: 2}
d[[1]]
9223372036854775807
1e400
10 ** 18
0.5 ** 2
'%c' % 'x'
'%r' % 'x'
'%5.1f|' % 3.14159
'%+d' % 5
d.items() | list | length
d.keys() | first
d.values() | list | last
(d | list)[0]
' x ' | trim | length
'日本 ' | trim | length
'é'.rstrip('é') | length
'<' ~ u.rstrip('ße') ~ '>'
u.split('É')
u.replace('日', '')
u | replace('', '.')
'日本'.center(6, '·')
u.title()
(u | list)[::-1] | join
'%-6s|' | format('日本')
u[-5:-2]
'日' in u
u.rsplit(' ', 2)
u.partition('日')
u.startswith('Grü')
[1.0, 2, true] | sum
[none, 1] | tojson
'a\\nb'
(s | length) // 2
s[:s | length // 2]
xs[n - 6:]
xs[-1:][0]
'a' * 0
'a' * -1
'-' * (n - 2)
n if n is even else n + 1
'x' ~ none ~ true ~ 1.0
not (n > 5 and s)
(n > 5) == true
s.split(',')[1].strip()
{'role': 'user'}['role']
messages[0] == messages[0]
messages[0] in messages
messages.index(messages[1])
people[0].pet.kind ~ people[-1].get('pet', {}).get('kind', 'none')
people | map(attribute='age') | map('string') | join('+')
words | select('in', ['fig']) | list
words | reject('eq', 'fig') | list
words | select('startswith', 'f') | list
d.items() | selectattr(0, 'eq', 'a') | list
s[1:4][::-1]
s[n]
s['upper']()
d['get']('a')
xs.index(2)
xs.count(1)
xs.index(99)
"x" is string and "y"
1 if
1 +
(1
[1
{'a'
)
1 2
'unclosed
a b
| upper
x is
.a
a..b
a.
f(
f(a=1, 2)
$
a ? b
1 === 2
not
in xs
"""

STATEMENTS = [
    "plain text",
    "",
    "line\n",
    "line\n\n",
    "a\r\nb\rc\n",
    "{% if t %}yes{% endif %}",
    "{% if no %}yes{% endif %}",
    "{% if no %}a{% elif n == 7 %}b{% else %}c{% endif %}",
    "{% if no %}a{% elif no %}b{% else %}c{% endif %}",
    "{% if missing %}a{% else %}b{% endif %}",
    "{% if t %}\n  indented\n{% endif %}\nafter",
    "a\n   {% if t %}\nb\n   {% endif %}\nc",
    "a {% if t %} b {% endif %} c",
    "a\n  {%+ if t %}b{% endif %}",
    "a\n{% if t +%}\nb{% endif %}",
    "a  \n {%- if t -%} \n b \n {%- endif -%} \n c",
    "a  {{- ' b ' -}}  c",
    "a\n  {{ 'b' }}\n  c",
    "a\n  {{- 'b' }}\n  c",
    "a {# comment #} b",
    "a\n  {# comment #}\nb",
    "a\n  {#- comment -#}\n  b",
    "a {# {% if %} {{ #} b",
    "{% raw %}{{ not }} {% parsed %}{% endraw %}",
    "a {%- raw -%}  {{ x }}  {%- endraw -%} b",
    "{% raw %}\n x\n  {% endraw %}\n y",
    "  {% if t %}x{% endif %}",
    "{{ 1 }}  {% if t %}\nx{% endif %}",
    "{% if t %}\n  {% if n %}\n    deep\n  {% endif %}\n{% endif %}\nend",
    "{%if t%}x{%endif%}",
    "{% for x in xs %}{{ x }},{% endfor %}",
    "{% for x in xs %}{{ loop.index }}/{{ loop.length }}:{{ x }} {% endfor %}",
    "{% for x in xs %}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }};{% endfor %}",
    "{% for x in xs %}{{ loop.previtem }}<{{ x }}>{{ loop.nextitem }} {% endfor %}",
    "{% for x in xs %}{{ loop.previtem is defined }}{{ loop.nextitem is defined }} {% endfor %}",
    "{% for x in xs %}{{ loop.cycle('a', 'b') }}{% endfor %}",
    "{% for x in [1, 1, 2, 2, 1] %}{{ loop.changed(x) }} {% endfor %}",
    "{% for x in none_list %}a{% else %}empty{% endfor %}",
    "{% for x in xs %}{{ x }}{% else %}empty{% endfor %}",
    "{% for x in missing %}a{% else %}none{% endfor %}",
    "{% for x in n %}a{% endfor %}",
    "{% for x in nil %}a{% endfor %}",
    "{% for c in 'aé🦊' %}[{{ c }}]{% endfor %}",
    "{% for k in d %}{{ k }} {% endfor %}",
    "{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}",
    "{% for k, v in d | dictsort %}{{ k }}={{ v }};{% endfor %}",
    "{% for k, v in d | items %}{{ loop.index }}{{ k }};{% endfor %}",
    "{% for (a, b), c in [((1, 2), 3)] %}{{ a }}{{ b }}{{ c }}{% endfor %}",
    "{% for a, b in [(1, 2, 3)] %}{{ a }}{% endfor %}",
    "{% for a, b in [(1,)] %}{{ a }}{% endfor %}",
    "{% for a in 1, 2, 3 %}{{ a }}{% endfor %}",
    "{% for x in xs if x > 1 %}{{ loop.index }}:{{ x }} {{ loop.last }} {% endfor %}",
    "{% for x in xs if x > 10 %}{{ x }}{% else %}none{% endfor %}",
    "{% for x in xs if x > 1 %}{{ loop.length }}{{ loop.previtem }}{% endfor %}",
    "{% set ns = namespace(go=true) %}{% for x in xs if ns.go %}{{ x }}{% set ns.go = false %}{% endfor %}",
    "{% for x in xs if loop.first %}{{ x }}{% endfor %}",
    "{% for x in xs %}{% if x == 1 %}{% continue %}{% endif %}{{ x }}{% endfor %}",
    "{% for x in xs %}{% if x == 1 %}{% break %}{% endif %}{{ x }}{% else %}e{% endfor %}",
    "{% for x in xs %}{% for y in xs %}{% if y == 1 %}{% break %}{% endif %}{{ x }}{{ y }} {% endfor %}{% endfor %}",
    "{% break %}",
    "{% for x in xs %}{% for y in 'ab' %}{{ loop.index }}{% endfor %}{{ loop.index }} {% endfor %}",
    "{% for x in xs %}{% set outer = loop %}{% for y in 'ab' %}{{ outer.index }}{{ loop.index }} {% endfor %}{% endfor %}",
    "{% for x in xs recursive %}{{ x }}{% endfor %}",
    "{% for x in nested recursive %}{% if x is number %}{{ x }}@{{ loop.depth }}{% else %}({{ loop(x) }}){% endif %}{% endfor %}",
    "{% for x in xs %}{{ x }}{% endfor %}{{ x }}",
    "{% set x = 1 %}{% for x in xs %}{{ x }}{% endfor %}{{ x }}",
    "{% set x = 0 %}{% for i in xs %}{{ x }}{% set x = x + i %}{{ x }} {% endfor %}{{ x }}",
    "{% set x = 0 %}{% if t %}{% set x = 1 %}{% endif %}{{ x }}",
    "{% if no %}{% set x = 1 %}{% endif %}{{ x is defined }}",
    "{% for i in xs %}{% if loop.first %}{% set y = i %}{% endif %}{{ y }}{% endfor %}",
    "{% set ns = namespace(total=0) %}{% for x in xs %}{% set ns.total = ns.total + x %}{% endfor %}{{ ns.total }}",
    "{% set ns = namespace() %}{{ ns.a is defined }}{% set ns.a = 1 %}{{ ns.a }}",
    "{% set ns = namespace(a=1) %}{% set ns.a, b = 2, 3 %}{{ ns.a }}{{ b }}",
    "{% set d.x = 1 %}",
    "{% set missing.x = 1 %}",
    "{% set a, b = 1, 2 %}{{ a }}{{ b }}",
    "{% set a, b = [1, 2] %}{{ a }}{{ b }}",
    "{% set a, b = [1] %}",
    "{% set (a, b) = (1, 2) %}{{ b }}{{ a }}",
    "{% set a = 1, 2 %}{{ a }}",
    "{% set a %}text {{ n }}{% endset %}{{ a | upper }}",
    "{% set a | upper %}text {{ n }}{% endset %}{{ a }}",
    "{% set a | replace('t', 'T') | trim %} text {% endset %}[{{ a }}]",
    "{% set a %}{% set b = 1 %}{% endset %}{{ b is defined }}",
    "{% set true = 1 %}",
    "{% set 1 = 1 %}",
    "{% set a = %}",
    "{% macro m(a, b=2) %}[{{ a }},{{ b }}]{% endmacro %}{{ m(1) }}{{ m(1, 3) }}{{ m(b=4, a=5) }}{{ m() }}",
    "{% macro m(a, b=a) %}[{{ a }},{{ b }}]{% endmacro %}{{ m(1) }}",
    "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, 2) }}",
    "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(c=2) }}",
    "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, a=2) }}",
    "{% macro m() %}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1, 2, x=3) }}",
    "{% macro m(a, a2=1,) %}{{ a }}{% endmacro %}{{ m('x') | upper }}",
    "{% macro m(a=1, b) %}{% endmacro %}",
    "{% macro m() %}  spaced  {% endmacro %}[{{ m() | trim }}]",
    "{% macro m() %}{{ x }}{% endmacro %}{% set x = 5 %}{{ m() }}",
    "{% macro m() %}{% set x = 9 %}{{ x }}{% endmacro %}{% set x = 5 %}{{ m() }}{{ x }}",
    "{% macro m(x) %}{% if x > 0 %}{{ x }}{{ m(x - 1) }}{% endif %}{% endmacro %}{{ m(4) }}",
    "{% macro a() %}A{{ b() }}{% endmacro %}{% macro b() %}B{% endmacro %}{{ a() }}",
    "{% macro m() %}<{{ caller() }}>{% endmacro %}{% call m() %}inner {{ n }}{% endcall %}",
    "{% macro m() %}<{{ caller(1) }}>{% endmacro %}{% call(x) m() %}inner {{ x }}{% endcall %}",
    "{% macro m() %}x{% endmacro %}{% call m() %}inner{% endcall %}",
    "{% macro m(v) %}{{ v }}{% endmacro %}{% for x in xs %}{{ m(x) }}{{ loop.index }}{% endfor %}",
    "{% macro m() %}{{ messages | length }}{{ bos_token }}{% endmacro %}{{ m() }}",
    "{% macro m(items) %}{% for i in items %}{{ i }}{% if not loop.last %}, {% endif %}{% endfor %}{% endmacro %}{{ m(xs) }}",
    "{% filter upper %}abc {{ s }}{% endfilter %}",
    "{% filter replace('a', 'b') | upper %}aaa{% endfilter %}",
    "{% filter indent(2) %}a\nb{% endfilter %}",
    "{% with a = 1, b = 2 %}{{ a + b }}{% endwith %}{{ a is defined }}",
    "{% with %}{% set q = 1 %}{{ q }}{% endwith %}{{ q }}",
    "{% generation %}text {{ n }}{% endgeneration %}!",
    "{% generation %}\n  text\n{% endgeneration %}\n!",
    "{% set j = joiner('; ') %}{% for x in xs %}{{ j() }}{{ x }}{% endfor %}",
    "{% for m in messages %}{{ m.role }}: {{ m['content'] }}\n{% endfor %}",
    "{% for m in messages %}{{ m }}{% endfor %}",
    "{{ messages }}",
    "{{ raise_exception('bad ' ~ n) }}",
    "{% if n != 7 %}{{ raise_exception('x') }}{% endif %}ok",
    "{{ {'a': {'b': 1}} }}",
    "{{ {'a': {'b': {}}}}}",
    "{{ '}}' }}{{ '{%' }}",
    "{{ 'a' }}}",
    "{ { x } }",
    "{{ n }",
    "{{ n",
    "{% if t %}",
    "{% endif %}",
    "{% if t %}{% endfor %}",
    "{% for %}{% endfor %}",
    "{% for x xs %}{% endfor %}",
    "{% nosuch %}",
    "{% if %}{% endif %}",
    "{# open",
    "{% raw %} open",
    "{% set x = 1",
    "{% else %}",
    "{% if t %}a{% else %}b{% else %}c{% endif %}",
    "{% if t %}a{% else %}b{% elif n %}c{% endif %}",
    "{% macro %}{% endmacro %}",
    "{% include 'x' %}",
    "{% import 'x' as y %}",
    "{% print n, 1 %}",
    "{%- if messages[0]['role'] == 'user' -%}\n    {%- set a = messages[0]['content'] | trim -%}\n{%- endif -%}\n[{{ a }}]",
    "{%- for m in messages[::-1] %}{% set i = (messages | length - 1) - loop.index0 %}{{ i }}{{ m.role }} {% endfor %}",
    "{% set content = messages[0].content %}{% if '<|im_end|>' in content %}{{ content.split('<|im_end|>')[0] }}{% endif %}",
    "{{ 'x' if messages[0].role == 'user' and not (tools is defined and tools) else 'y' }}",
    "{% for x in range(3) %}{{ x }}{% if not loop.last %},{% endif %}{% endfor %}",
    "{% set x = xs[0] if xs else 'none' %}{{ x }}",
    "{% for x in xs | sort(reverse=true) %}{{ x }}{% endfor %}",
    "{% for group in xs | batch(2) %}{{ group | join('-') }};{% endfor %}",
    "{% if messages is iterable and messages is not string and messages is not mapping %}list{% endif %}",
    "{%- set loop_messages = messages[1:] %}{{ loop_messages | length }}",
    "{{ '%s' | format(messages[0].content) }}",
    "{{ messages[0].content | replace('<|im_end|>', '') }}",
    "\n\n{% if t %}\n\nx\n\n{% endif %}\n\n",
    "x {%- if t %} y {%- endif %} z",
    "{{ s }}\n{{ n }}\n",
    "tab\t{% if t %}x{% endif %}\t\n\t{% if t %}y{% endif %}",
    "{% set x = {'a': [1, 2, {'b': 'c'}]} %}{{ x.a[2].b }}{{ x['a'][0] }}",
    "{% for i in range(2) %}{% for j in range(2) %}{{ i }}{{ j }} {% endfor %}{% endfor %}",
    "{% set f = s.upper %}{{ f() }}",
    "{% set x = namespace(l=[]) %}{% for i in xs %}{% set x.l = x.l + [i * 2] %}{% endfor %}{{ x.l }}",
    "{%if n>5%}gt{%endif%}{{n+1}}{{-n}}{{- n}}",
    "{{ messages|map(attribute='role')|join(',') }}{{ '\\n' }}",
    "{% for m in messages %}{{ '<' + m['role'] + '>' + m['content'] + '\\n' }}{% endfor %}",
]

SNIPPETS = ["{{ " + line + " }}" for line in EXPRESSIONS.replace("\\\nb", "\\\n§").split("\n") if line and line[0] != "§"]
SNIPPETS = [s.replace("\\ }}", "\\\nb\" }}") for s in SNIPPETS] + STATEMENTS

MUTATING = [
    "{% set l = [1] %}{% set _ = l.append(2) %}{{ l }}",
    "{% set l = [1, 2, 3] %}{{ l.pop() }}{{ l.pop(0) }}{{ l }}",
    "{% set l = [1] %}{{ l.insert(0, 5) }}{{ l }}{{ l.extend([7, 8]) }}{{ l }}",
    "{% set l = [3, 1, 2] %}{% set _ = l.sort() %}{{ l }}{% set _ = l.reverse() %}{{ l }}{% set _ = l.remove(1) %}{{ l }}",
    "{% set m = {'a': 1} %}{% set _ = m.update({'b': 2}) %}{{ m }}{{ m.pop('a') }}{{ m }}{{ m.setdefault('z', 9) }}{{ m }}",
    "{% set m = {'a': 1} %}{% set _ = m.update(b=2) %}{{ m.popitem() }}{{ m }}{% set _ = m.clear() %}{{ m }}",
    "{% set l = [] %}{{ l.pop() }}",
    "{% set l = [1] %}{{ l.pop(5) }}",
    "{% set a = [1] %}{% set b = a %}{% set _ = b.append(2) %}{{ a }}",
    "{% set a = {'x': 1} %}{% set b = a.copy() %}{% set _ = b.update(x=2) %}{{ a }}{{ b }}",
    "{% set l = [1, 2, 2] %}{{ l.count(2) }}{{ l.index(2) }}{{ l.clear() }}{{ l }}",
]
