"""The oracle's tokenizers, built from nothing but a GGUF's own vocabulary."""
import sentencepiece
import tokenizers
from sentencepiece import sentencepiece_model_pb2
from tokenizers import decoders, models, pre_tokenizers

CONTROL, USER_DEFINED = 3, 4  # tokenizer.ggml.token_type; the numbers are sentencepiece's own


def field(reader, key):
    return reader.fields[key].contents()


def smollm(reader):
    """Byte-level BPE with the pre-tokenizer that GGUF calls "smollm"."""
    tokens = field(reader, "tokenizer.ggml.tokens")
    merges = [tuple(merge.split(" ")) for merge in field(reader, "tokenizer.ggml.merges")]
    bpe = tokenizers.Tokenizer(models.BPE({token: i for i, token in enumerate(tokens)}, merges))
    bpe.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Digits(individual_digits=True),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)])
    bpe.decoder = decoders.ByteLevel()
    types = field(reader, "tokenizer.ggml.token_type")
    bpe.add_special_tokens([tokens[i] for i, kind in enumerate(types) if kind == CONTROL])
    return lambda text: bpe.encode(text).ids


def gemma(reader):
    """Sentencepiece BPE: a model proto out of the GGUF's pieces, scores and types."""
    proto = sentencepiece_model_pb2.ModelProto()
    rows = zip(*(field(reader, f"tokenizer.ggml.{name}") for name in ("tokens", "scores", "token_type")))
    for piece, score, kind in rows:
        proto.pieces.add(piece=piece, score=score, type=kind)
    proto.trainer_spec.model_type = proto.trainer_spec.BPE
    proto.trainer_spec.byte_fallback = True
    proto.trainer_spec.unk_id, proto.trainer_spec.bos_id, proto.trainer_spec.eos_id = 3, 2, 1
    proto.trainer_spec.pad_id = 0
    proto.normalizer_spec.name = "identity"
    proto.normalizer_spec.add_dummy_prefix = False
    proto.normalizer_spec.remove_extra_whitespaces = False
    processor = sentencepiece.SentencePieceProcessor(model_proto=proto.SerializeToString())
    return lambda text: [field(reader, "tokenizer.ggml.bos_token_id")] + processor.encode(text)
