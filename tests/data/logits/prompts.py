"""Prompts for the real models: languages, code, lists, chats, long texts. All written for this project."""

TEXTS = [
    "The capital of France is",
    "Water boils at a temperature of",
    "Once upon a time, in a village at the foot of a mountain,",
    "The three primary colours are red,",
    "In 1969, two astronauts",
    "1, 2, 3, 4, 5, 6,",
    "2, 4, 8, 16, 32,",
    "A haiku about the sea:\n",
    "My grandmother's recipe for bread begins with flour,",
    "Dear Sir or Madam,\n\nI am writing to complain about",
    "Q: What is the largest planet of the solar system?\nA:",
    "Translate to French: good morning ->",
    "Photosynthesis is the process by which plants",
    "The opposite of hot is cold. The opposite of big is",
    "Shopping list:\n- eggs\n- milk\n-",
    "Le petit chat est assis sur",
    "Der Zug nach Hamburg fährt um",
    "El sol sale por el este y",
    "La ricetta della nonna comincia con",
    "O rio corre devagar para",
    "Столица России — это",
    "東京は日本の",
    "今天天气很好，我们去",
    "오늘 아침에 나는",
    "Η θάλασσα είναι",
    "السماء زرقاء و",
    "दिल्ली भारत की",
    "def fibonacci(n):\n    \"\"\"Returns the n-th Fibonacci number.\"\"\"\n",
    "#include <iostream>\n\nint main() {\n",
    "SELECT name, age FROM people WHERE",
    "for (let i = 0; i < 10; i++) {\n  console.log(",
    "fn main() {\n    let numbers = vec![1, 2, 3];\n",
    "{\"name\": \"Ada\", \"born\": 1815, \"",
    "<html>\n<head>\n<title>",
    "#!/bin/sh\nset -e\nfor file in *.txt; do\n",
    "Emoji weather report: ☀️ 25°C 🌧️",
    "x² + y² = r² is the equation of a",
    "\n\n\n",
    " ",
    "a",
]

CHATS = [
    [("user", "What is the capital of Italy?")],
    [("user", "Write one sentence about a fox and a dog.")],
    [("system", "You answer in exactly three words."), ("user", "How are you today?")],
    [("user", "What is 12 times 12?"), ("assistant", "12 times 12 is 144."), ("user", "And plus one?")],
    [("user", "Wie heißt die Hauptstadt von Österreich?")],
    [("user", "Write a Python function that reverses a list.")],
]

LONG = [
    "The harbour was quiet when the last ferry came in. Ropes creaked, gulls argued over a crust of bread, and the "
    "lamp at the end of the pier blinked every nine seconds, as it had for sixty years. Marta counted the blinks "
    "while she waited. At forty she stopped, because a man with a green suitcase had come down the ramp, looked "
    "left, looked right, and set the suitcase on the ground as if it might break. He was older than in the "
    "photograph. His coat was too thin for the wind, and he had written something on the back of his hand, the way "
    "schoolboys do before a test. She knew that habit. Her mother had it too. When he lifted his head, she saw that "
    "he was reading the names of the boats, one after another, slowly, moving his lips: Anemone, Perseverance, "
    "Little Wolf, Saint Elmo. At the fifth he smiled. It was the name she had painted over twice, and which came "
    "through the new paint every spring. She walked towards him without hurry, put her hands in her pockets, and "
    "said the sentence which the letter had told her to say. He answered with the other half of it. Then neither of "
    "them knew what came next, so they stood and looked at the water, where the lights of the town broke into "
    "pieces and came together again. At last he opened the green suitcase, and inside it there was",
    "Minutes of the meeting of the garden club, 3 May. Present: Mr Abel, Mrs Brandt, Ms Castillo, Mr Dufour, and the "
    "treasurer. 1. The minutes of the last meeting were read and approved. 2. The treasurer reported a balance of "
    "412.50, of which 180.00 are set aside for the new water pump. 3. Mr Dufour asked whether the compost could be "
    "turned every two weeks instead of every month; after a discussion of 25 minutes this was accepted by four votes "
    "to one. 4. Ms Castillo has found a supplier of seed potatoes at 0.85 a kilogram, with free delivery above 50 "
    "kilograms. The club will order 60. 5. The fence on the north side leans by about 15 degrees. Mr Abel will look "
    "at it on Saturday and bring posts, nails, and his nephew. 6. Mrs Brandt suggested a summer fair on 21 June "
    "with a table for honey, a table for jam, and a table for everything else. Children under 12 enter free. Each "
    "member brings one cake. 7. Any other business: the key of the shed is missing again. Whoever has it is asked to "
    "hang it on the hook, where it belongs. The chairman closed the meeting at 20:45. The next meeting will be on",
    "import csv\nfrom collections import defaultdict\nfrom dataclasses import dataclass\n\n\n@dataclass\nclass Order:"
    "\n    customer: str\n    product: str\n    quantity: int\n    price: float\n\n    def total(self) -> float:\n"
    "        return self.quantity * self.price\n\n\ndef read_orders(path: str) -> list[Order]:\n    with open(path, "
    "newline=\"\") as file:\n        rows = csv.DictReader(file)\n        return [Order(row[\"customer\"], "
    "row[\"product\"], int(row[\"quantity\"]), float(row[\"price\"])) for row in rows]\n\n\ndef "
    "revenue_by_customer(orders: list[Order]) -> dict[str, float]:\n    revenue = defaultdict(float)\n    for order "
    "in orders:\n        revenue[order.customer] += order.total()\n    return dict(revenue)\n\n\ndef "
    "best_customers(orders: list[Order], count: int) -> list[str]:\n    revenue = revenue_by_customer(orders)\n"
    "    ranked = sorted(revenue, key=lambda name: revenue[name], reverse=True)\n    return ranked[:count]\n\n\ndef "
    "revenue_by_product(orders: list[Order]) -> dict[str, float]:\n",
    "Ein Fluss beginnt selten dort, wo man ihn erwartet. Oben am Hang liegt eine nasse Wiese, daneben ein Stein mit "
    "einer Jahreszahl, und zwischen beiden sickert Wasser aus dem Boden, so wenig, dass ein Schuh es aufhält. Erst "
    "hundert Meter weiter unten hört man ihn. Dort steht eine Bank, auf der im Sommer die Wanderer sitzen und ihre "
    "Brote essen. Der Bach teilt sich um eine Erle, findet wieder zusammen und fällt über drei Stufen in einen "
    "Teich, den die Kinder des Dorfes jedes Jahr neu stauen. Danach wird er ernst: er bekommt einen Namen, eine "
    "Brücke und einen Pegel, den jemand jeden Morgen um sieben abliest. Am Ende des Tals nimmt ihn ein größerer "
    "Fluss auf, und auf der Karte ist er nur noch ein dünner blauer Strich. Wer ihn aber einmal bis zur Quelle "
    "gegangen ist, der weiß,",
]

assert len(TEXTS) + len(CHATS) + len(LONG) == 50
