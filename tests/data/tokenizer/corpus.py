"""Writes lines.bin: 11,000 texts that tokenizers may get wrong, by a seeded generator over our own words.
Each record is its length (two bytes, little endian) and its bytes, which need not be UTF-8."""
import random
import struct

WORDS = {
    "english": "the model answers a question that nobody asked; it's late, we're tired, don't you'll they've I'd "
               "Tokenizer CamelCase snake_case HTTPServer rain window morning something quickly under bridge",
    "german": "der Fluß läuft über die Straße, größer als früher; Übermut tut selten gut Donaudampfschiff "
              "Äpfel süß können Gemüse möchten Zürich heißt außerdem",
    "french": "l'été où nous avions été à l'école, ça c'est déjà vu; naïve cœur œuvre garçon forêt "
              "aujourd'hui qu'est-ce que français élève",
    "spanish": "¿dónde está la niña? ¡mañana será otro día! corazón también español añade pingüino canción",
    "polish": "zażółć gęślą jaźń, chrząszcz brzmi w trzcinie; źdźbło łódź świeży pięć kobieta",
    "turkish": "İstanbul'da ılık bir gün, çocuğun şapkası; öğretmen güneş ağaç ışık değil",
    "vietnamese": "tiếng Việt có nhiều dấu, người học thường quên; đường phố Hà Nội buổi sáng trời đẹp",
    "russian": "привет, мир! сегодня хорошая погода; объект ёжик съел подъезд щука Москва",
    "greek": "καλημέρα κόσμε, η θάλασσα είναι βαθιά; Αθήνα ψωμί ξύλο όχι",
    "arabic": "مرحبا بالعالم، كيف حالك اليوم؟ الكتاب على الطاولة السَّلامُ عَلَيْكُم",
    "hebrew": "שלום עולם, מה שלומך היום? הספר על השולחן שָׁלוֹם",
    "hindi": "नमस्ते दुनिया, आज मौसम अच्छा है। हिन्दी क्षेत्र ज्ञान विद्यार्थी",
    "bengali": "আমি বাংলায় গান গাই। নমস্কার পৃথিবী শুভ সকাল",
    "thai": "สวัสดีชาวโลก วันนี้อากาศดีมาก ภาษาไทยไม่มีช่องว่าง",
    "chinese": "你好，世界！今天天气很好。我们在学习自然语言处理，模型很大。",
    "japanese": "こんにちは世界。今日はとても天気がいいですね、東京タワー カタカナ ﾊﾝｶｸ",
    "korean": "안녕하세요 세계! 오늘 날씨가 좋네요, 한국어는 어렵다 값싼 닭",
    "georgian": "გამარჯობა მსოფლიო დღეს კარგი ამინდია ᲒᲐᲛᲐᲠᲯᲝᲑᲐ",
    "amharic": "ሰላም ልዑል ዛሬ ጥሩ ቀን ነው።",
}
CODE = [
    "def add(a, b):\n    return a + b  # sum\n", "for (int i = 0; i < n; ++i) {\n\tsum += x[i];\n}",
    "SELECT name, COUNT(*) FROM users WHERE age >= 18 GROUP BY name;", "#include <vector>\r\nint main() {}\r\n",
    "const f = async (x) => { await g(`${x}`); };", "<div class=\"a-b\"><s>old</s> &amp; new</div>",
    "if x is None:\n        raise ValueError(f'bad {x!r}')", "\\frac{a}{b} \\sum_{i=0}^{n} x_i^2",
    "git commit -m 'fix: off-by-one' && git push", "{\"key\": [1, 2.5, null, true], \"nested\": {\"a\": \"b\"}}",
    "fn main() { println!(\"{:?}\", v.iter().map(|x| x * 2).collect::<Vec<_>>()); }",
    "0x7fff_ffff == 2147483647 // 0b1010 1e-10", "https://example.org/a/b.html?q=1&r=%20#top",
]
EMOJI = ["😀", "🎉", "❤️", "👩‍👩‍👧‍👦", "🏳️‍🌈", "🇩🇪", "👍🏽", "☕", "🧑🏿‍🚀", "1️⃣", "✨", "🤷‍♀️"]
SPECIAL = ["<|im_end|>", "<|im_start|>", "<|endoftext|>", "<s>", "</s>", "<bos>", "<end_of_turn>", "<0x0A>", "<unk>",
           "[INST]", "<|eot_id|>", "<|", "|>", "▁", "Ġ", "<pad>", "<mask>"]
SPACES = [" ", "  ", "   ", "\t", "\n", "\n\n", "\r\n", " \n", "\n ", "        ", "\u00a0", "\u3000", "\u2028", "\x0b",
          "\u0085", "\u180e", "\u200b", " \t \n\n  "]
NUMBERS = ["0", "7", "42", "123", "1234", "12345678901", "3.14159", "1,000,000", "٣٤٥", "Ⅻ", "½", "²", "१२३", "①", "-17e+9"]
PUNCTUATION = ["!", "?!", "...", "…", "—", "“quoted”", "«oui»", "、", "。", "；", "(", ")", "[]", "{}", "'", "''", "\"", "'S",
               "'ll", "’s", "@", "#", "$", "%", "^", "&", "*", "~~", "``", "|", "\\", "//", "€", "∑", "→", "\x00", "\x7f"]
RANGES = [(0x20, 0x7e), (0xa0, 0x24f), (0x250, 0x36f), (0x370, 0x5ff), (0x600, 0x6ff), (0x900, 0xdff), (0x1100, 0x11ff),
          (0x1e00, 0x1fff), (0x2000, 0x2bff), (0x3040, 0x30ff), (0x4e00, 0x9fff), (0xac00, 0xd7a3), (0xf900, 0xfaff),
          (0xfe00, 0xffef), (0x10000, 0x103ff), (0x1d400, 0x1d7ff), (0x1f300, 0x1faff), (0x20000, 0x20fff), (0, 0x1f)]


def characters(r, n):
    low, high = r.choice(RANGES)
    return "".join(chr(r.randint(low, high)) for _ in range(n))


def sentence(r):
    words = WORDS[r.choice(list(WORDS))].split(" ")
    out = []
    for _ in range(r.randint(1, 9)):
        word = r.choice(words)
        chance = r.random()
        if chance < 0.05:
            word = word.upper()
        elif chance < 0.1:
            word = word.title()
        out.append(word)
        out.append(r.choice(SPACES) if r.random() < 0.12 else " ")
    return "".join(out)


def mixed(r):
    pick = [sentence, lambda r: r.choice(CODE), lambda r: r.choice(EMOJI), lambda r: r.choice(SPECIAL),
            lambda r: r.choice(SPACES), lambda r: r.choice(NUMBERS), lambda r: r.choice(PUNCTUATION),
            lambda r: characters(r, r.randint(1, 6)), lambda r: r.choice("ab 1\n.") * r.randint(1, 30)]
    return "".join(r.choice(pick)(r) for _ in range(r.randint(1, 5)))


def code(r):
    line = r.choice(CODE)
    for _ in range(r.randint(0, 3)):
        at = r.randint(0, len(line))
        line = line[:at] + r.choice(["  ", "\n", "x1", ".", "_", "\t", "9", "Z", "é"]) + line[at + r.randint(0, 2):]
    return line


def broken(r):
    data = bytearray(mixed(r).encode())
    for _ in range(r.randint(1, 4)):
        at = r.randint(0, len(data))
        chance = r.random()
        if chance < 0.4:
            data[at:at] = bytes(r.choices(range(256), k=r.randint(1, 4)))
        elif chance < 0.7:
            del data[at:at + r.randint(1, 3)]
        else:
            data[at:at] = r.choice([b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82", b"\xf0\x9f\x98", b"\xff"])
    return bytes(data)


def lines():
    r = random.Random(20240607)
    out = []
    for i in range(10000):
        kind = i % 10
        if kind < 4:
            out.append(sentence(r).encode())
        elif kind < 7:
            out.append(mixed(r).encode())
        elif kind < 8:
            out.append(code(r).encode())
        elif kind < 9:
            out.append(broken(r))
        else:
            out.append((characters(r, r.randint(1, 12)) + r.choice(SPACES) + characters(r, r.randint(1, 12))).encode())
    for i in range(1000):  # random strings: bytes, or characters from anywhere
        if i % 2:
            out.append(bytes(r.choices(range(256), k=r.randint(1, 60))))
        else:
            out.append("".join(characters(r, 1) for _ in range(r.randint(1, 40))).encode())
    return out


if __name__ == "__main__":
    with open("lines.bin", "wb") as file:
        for line in lines():
            file.write(struct.pack("<H", len(line)) + line)
