"""Makes every file of this folder but lines.bin, with the libraries tokenizers 0.23.3 and sentencepiece 0.2.3:
    python corpus.py && python make_goldens.py SMOLLM2.gguf GEMMA.gguf
Each golden is an FNV-1a hash of the ids of every stride-th line of lines.bin, as hexadecimal digits."""
import io
import json
import os
import struct
import sys

import sentencepiece
from gguf import GGUFReader
from sentencepiece import sentencepiece_model_pb2 as proto
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

import corpus

LINES = [line.decode("utf-8", errors="replace") for line in corpus.lines()]
SMALL_STRIDE = 20
BLANK = "\u2581"

# The patterns are published models'; those of the GGUF names are the same, or llama.cpp's splitting of them.
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
LLAMA3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
QWEN2 = LLAMA3.replace("{1,3}", "")
QWEN35 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
TEKKEN = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
GPT4O = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
DEEPSEEK_LETTERS = r"\s?[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗὙὛὝ\x{1F5F}-\x{1F7D}\x{1F80}-\x{1FB4}\x{1FB6}-\x{1FBC}\x{1FBE}\x{1FC2}-\x{1FC4}\x{1FC6}-\x{1FCC}\x{1FD0}-\x{1FD3}\x{1FD6}-\x{1FDB}\x{1FE0}-\x{1FEC}\x{1FF2}-\x{1FF4}\x{1FF6}-\x{1FFC}\x{2102}\x{2107}\x{210A}-\x{2113}\x{2115}\x{2119}-\x{211D}\x{2124}\x{2126}\x{2128}\x{212A}-\x{212D}\x{212F}-\x{2134}ℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃]+"
DEEPSEEK_HAN = "[一-龥ࠀ-一가-퟿]+"
DEEPSEEK3 = r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"""
BLOOM = r" ?[^(\s|.,!?…。，、।۔،)]+"
BAILING = r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+"
SEED = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+|\s*[\r\n]+|\s+(?!\S)|\s+"
NUMBER = r"\p{N}"

GGUF_PATTERNS = {
    "gpt-2": [GPT2], "smollm": [NUMBER, GPT2], "starcoder": [NUMBER, GPT2], "llama-bpe": [LLAMA3], "dbrx": [LLAMA3],
    "qwen2": [QWEN2], "qwen35": [QWEN35], "tekken": [TEKKEN], "gpt-4o": [GPT4O],
    "deepseek-llm": ["[\r\n]", DEEPSEEK_LETTERS, r"\s?[!-/:-~！-／：-～‘-‟　-。]+", r"\s+$", DEEPSEEK_HAN, r"\p{N}+"],
    "deepseek-coder": ["[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", DEEPSEEK_HAN, NUMBER],
    "deepseek-v3": [r"\p{N}{1,3}", "[一-龥぀-ゟ゠-ヿ]+", DEEPSEEK3],
    "falcon": [r"[\p{P}\$\+<=>\^~\|`]+", GPT2, "[0-9][0-9][0-9]"], "bloom": [BLOOM], "viking": [BLOOM, NUMBER],
    "bailingmoe": [BAILING], "seed-coder": [SEED], "superbpe": [r"\p{N}+", r"(?=(\d{3})+(?!\d))"],
}


def fnv(ids):
    value = 2166136261
    for byte in struct.pack(f"<{len(ids)}i", *ids):
        value = (value ^ byte) * 16777619 & 0xFFFFFFFF
    return f"{value:08x}"


def golden(encode, stride=SMALL_STRIDE):
    return {"stride": stride, "hashes": "".join(fnv(encode(line)) for line in LINES[::stride])}


def split(pattern, behavior="isolated", invert=False):
    return pre_tokenizers.Split(Regex(pattern), behavior, invert)


def splits(patterns):
    return pre_tokenizers.Sequence([split(p) for p in patterns] + [pre_tokenizers.ByteLevel(False, use_regex=False)])


def train(tokenizer, size, **options):
    tokenizer.train_from_iterator(LINES[:9000:3], trainers.BpeTrainer(vocab_size=size, show_progress=False, **options))
    return tokenizer


def byte_level(pre, normalizer=None, size=500, **model):
    made = Tokenizer(models.BPE(**model))
    made.pre_tokenizer, made.decoder = pre, decoders.ByteLevel()
    if normalizer:
        made.normalizer = normalizer
    return train(made, size, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
                 special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"])


def characters(size=900, normalizer=None, pre=None, decoder=None, bytes_=True, **model):
    """A BPE over characters, as Llama 2's and Gemma's."""
    made = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=bytes_, **model))
    if normalizer:
        made.normalizer = normalizer
    if pre:
        made.pre_tokenizer = pre
    if decoder:
        made.decoder = decoder
    first = ["<unk>", "<s>", "</s>"] + ([f"<0x{b:02X}>" for b in range(256)] if bytes_ else [])
    train(made, size, special_tokens=first, limit_alphabet=250)
    # The trainer lists the byte tokens as special ones; published files do not.
    content = json.loads(made.to_str())
    content["added_tokens"] = [t for t in content["added_tokens"] if not t["content"].startswith("<0x")]
    return Tokenizer.from_str(json.dumps(content))


def llama2_decoder(strip=True):
    steps = [decoders.Replace(BLANK, " "), decoders.ByteFallback(), decoders.Fuse()]
    return decoders.Sequence(steps + ([decoders.Strip(" ", 1, 0)] if strip else []))


def json_tokenizers():
    n, p = normalizers, pre_tokenizers
    yield "gpt2", byte_level(p.ByteLevel(False))
    yield "gpt2_prefix_space", byte_level(p.ByteLevel(True))
    llama3 = byte_level(p.Sequence([split(LLAMA3), p.ByteLevel(False, use_regex=False)]), size=800, ignore_merges=True)
    llama3.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=False), processors.TemplateProcessing(
        single="<|im_start|> $A", special_tokens=[("<|im_start|>", 1)])])
    yield "llama3", llama3
    yield "qwen2_nfc", byte_level(p.Sequence([split(QWEN2), p.ByteLevel(False, use_regex=False)]), n.NFC())
    yield "deepseek_coder", byte_level(p.Sequence(
        [split(x) for x in GGUF_PATTERNS["deepseek-coder"][:4]] + [p.Digits(True), p.ByteLevel(False, use_regex=False)]))
    yield "falcon", byte_level(p.Sequence(
        [p.Punctuation("contiguous"), p.ByteLevel(False), p.Digits(False), split("[0-9][0-9][0-9]")]))
    yield "llama2", characters(normalizer=n.Sequence([n.Prepend(BLANK), n.Replace(" ", BLANK)]),
                               decoder=llama2_decoder(), fuse_unk=True)
    yield "metaspace_first", characters(pre=p.Metaspace(prepend_scheme="first", split=False),
                                        decoder=llama2_decoder(), fuse_unk=True)
    yield "metaspace_split", characters(pre=p.Metaspace(), decoder=decoders.Metaspace(), bytes_=False)
    yield "metaspace_fused", characters(pre=p.Metaspace(prepend_scheme="never"), bytes_=False, fuse_unk=True,
                                        decoder=decoders.Metaspace(prepend_scheme="never"))
    yield "gemma", characters(normalizer=n.Replace(" ", BLANK), pre=p.Split(" ", "merged_with_previous"),
                              decoder=llama2_decoder(strip=False), fuse_unk=True)
    for behavior in ["removed", "merged_with_previous", "merged_with_next", "contiguous"]:
        for invert in [False, True]:
            pre = p.Sequence([split(r"[aeiou]|\s", behavior, invert), p.ByteLevel(False, use_regex=False)])
            yield f"split_{behavior}{'_inverted' if invert else ''}", byte_level(pre, size=330)
    added = byte_level(p.ByteLevel(False), n.NFC())
    added.add_tokens([AddedToken("the", single_word=True), AddedToken("<mask>", lstrip=True, normalized=False),
                      AddedToken("e\u0301cole", normalized=True), AddedToken("  ", normalized=False),
                      AddedToken("return", rstrip=True), AddedToken("    ", normalized=False)])
    yield "added_tokens", added


def gguf_vocabulary(path):
    fields = GGUFReader(path).fields
    return {key.removeprefix("tokenizer.ggml."): field.contents() for key, field in fields.items()
            if key.startswith("tokenizer.ggml.")}


def smollm2(path):
    vocabulary = gguf_vocabulary(path)
    made = Tokenizer(models.BPE(vocab={t: i for i, t in enumerate(vocabulary["tokens"])},
                                merges=[tuple(m.split(" ", 1)) for m in vocabulary["merges"]]))
    made.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(True), pre_tokenizers.ByteLevel(False)])
    return golden(lambda line: made.encode(line).ids, stride=1)


def gemma(path):
    vocabulary = gguf_vocabulary(path)
    model = proto.ModelProto()
    model.trainer_spec.model_type, model.trainer_spec.byte_fallback = proto.TrainerSpec.BPE, True
    model.normalizer_spec.add_dummy_prefix = model.normalizer_spec.remove_extra_whitespaces = False
    for i, text in enumerate(vocabulary["tokens"]):
        piece = model.pieces.add()
        piece.type = 2 if i == vocabulary["unknown_token_id"] else vocabulary["token_type"][i]
        piece.piece = text.replace(" ", BLANK) if piece.type == 4 else text
        piece.score = vocabulary["scores"][i]
    processor = sentencepiece.SentencePieceProcessor(model_proto=model.SerializeToString())
    return golden(lambda line: [vocabulary["bos_token_id"]] + processor.encode(line), stride=1)


def sentencepiece_models():
    options = dict(sentence_iterator=None, hard_vocab_limit=False, minloglevel=2, num_threads=1,
                   user_defined_symbols=["<mask>", BLANK * 2, BLANK * 4, "\n"])
    with open("rules.tsv", "w") as file:  # a few normalisation rules: source and target code points
        file.write("FB01\t66 69\nFF21\t41\n2026\t2E 2E 2E\n301\t\n41 30A\tC5\n")
    kinds = {
        "bpe": dict(model_type="bpe", vocab_size=1500, byte_fallback=True, add_dummy_prefix=True,
                    remove_extra_whitespaces=False, normalization_rule_name="identity", character_coverage=0.98),
        "unigram": dict(model_type="unigram", vocab_size=1400, byte_fallback=False, add_dummy_prefix=False, character_coverage=0.98,
                        remove_extra_whitespaces=True, normalization_rule_tsv="rules.tsv"),
    }
    for name, kind in kinds.items():
        out = io.BytesIO()
        text = [line for line in LINES[:9000:10] + LINES[1:9000:10] if line.strip()]
        sentencepiece.SentencePieceTrainer.train(**{**options, **kind, "sentence_iterator": iter(text)}, model_writer=out)
        with open(f"{name}.model", "wb") as file:
            file.write(out.getvalue())
        processor = sentencepiece.SentencePieceProcessor(model_proto=out.getvalue())
        yield name, processor
    os.remove("rules.tsv")


def main():
    goldens = {"json": {}, "gguf": {}, "model": {}}
    for name, tokenizer in json_tokenizers():
        with open(f"{name}.json", "w") as file:
            json.dump(json.loads(tokenizer.to_str()), file, ensure_ascii=False, separators=(",", ":"))
        tokenizer = Tokenizer.from_str(tokenizer.to_str())
        tokenizer.encode_special_tokens = True  # text is text
        entry = golden(lambda line: tokenizer.encode(line).ids)
        if name != "added_tokens":  # the library takes an added "é" for a byte when it decodes
            entry["decoded"] = golden(lambda line: list(
                tokenizer.decode(tokenizer.encode(line, add_special_tokens=False).ids).encode()), 50)
        goldens["json"][name] = entry
    shared = byte_level(pre_tokenizers.ByteLevel(False), size=1200)
    content = json.loads(shared.to_str())["model"]
    vocabulary = {"tokens": sorted(content["vocab"], key=content["vocab"].get), "merges": content["merges"]}
    with open("shared_vocabulary.json", "w") as file:
        json.dump(vocabulary, file, ensure_ascii=False, separators=(",", ":"))
    for name, patterns in GGUF_PATTERNS.items():
        made = Tokenizer(models.BPE(vocab=content["vocab"], merges=[tuple(m) for m in content["merges"]],
                                    ignore_merges=name in ("llama-bpe", "tekken")))
        made.pre_tokenizer = splits(patterns)
        goldens["gguf"][name] = golden(lambda line: made.encode(line).ids)
    for name, processor in sentencepiece_models():
        entry = golden(processor.encode, 1)
        if name == "bpe":  # the other writes its unknown token as text, which for us is a special one
            entry["decoded"] = golden(lambda line: list(processor.decode(processor.encode(line)).encode()), 50)
        goldens["model"][name] = entry
    goldens["smollm2"], goldens["gemma"] = smollm2(sys.argv[1]), gemma(sys.argv[2])
    with open("goldens.json", "w") as file:
        json.dump(goldens, file, indent=0)


main()
