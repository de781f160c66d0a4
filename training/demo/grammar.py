"""What the demo's customers ask and what its agents answer, in English and Chinese.

A small grammar, not a dataset: every dialogue is a question of one intent with its slots filled, and an answer of that
intent in one of nine styles. It is large enough that a 0.7M-parameter model has to learn language, topic and copying, and
small enough that two CPU cores teach it in minutes.

The last question of every intent is kept from all training (`held_out=True` draws only those), so that a score on it
measures phrasings that no stage has seen.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Literal

Lang = Literal["en", "zh"]
Style = Literal[
    "good", "plain", "rude", "rude_answer", "off_topic", "wrong_order", "rambling", "manners_only", "repeating"
]

# One tokenizer token each: copying an order number is then one attention step, which two layers can learn.
ORDER_NUMBERS = [f"{letter}{number:02d}" for letter in "ABCD" for number in range(100)]

CARELESS = 0.3  # the share of training questions with words left out
DROPPED = 0.15  # the share of words (in Chinese: characters) left out of those


@dataclass(frozen=True)
class Intent:
    """One thing a customer may want.

    `questions`: phrasings; the last one is held out. `answers`: resolutions. `keys`: phrases of which every answer of
    this intent holds at least one, and no answer of another intent and no question holds any.
    """

    name: str
    questions: tuple[str, ...]
    answers: tuple[str, ...]
    keys: tuple[str, ...]


@dataclass(frozen=True)
class Language:
    """The words of one language: slots, manners and intents."""

    items: tuple[str, ...]
    days: tuple[str, ...]
    openers: tuple[str, ...]
    closers: tuple[str, ...]
    rude: tuple[str, ...]
    polite: tuple[str, ...]  # what the judge counts as polite
    stop: str
    space: str
    intents: tuple[Intent, ...]


ENGLISH = Language(
    items=(
        "headphones",
        "jacket",
        "coffee maker",
        "desk lamp",
        "backpack",
        "keyboard",
        "tent",
        "blender",
        "monitor",
        "water bottle",
        "camera",
        "guitar",
    ),
    days=("two days", "three days", "five days", "one week", "two weeks"),
    openers=(
        "Hello, I am sorry for the trouble.",
        "Hi, thank you for contacting us.",
        "I am sorry to hear that.",
        "Thank you for reaching out, I am happy to help.",
    ),
    closers=(
        "Is there anything else I can help you with?",
        "Thank you for your patience.",
        "Please let me know if you need anything else.",
        "Have a wonderful day!",
    ),
    rude=(
        "That is not my problem.",
        "Read the website.",
        "Just wait.",
        "We cannot do anything about it.",
        "Ask someone else.",
    ),
    polite=("sorry", "thank", "happy to help", "anything else", "wonderful", "patience"),
    stop=".",
    space=" ",
    intents=(
        Intent(
            "track",
            (
                "Please check where order {order} is.",
                "Where is order {order}?",
                "Where is my order {order} now?",
                "Has order {order} shipped yet?",
                "Where is the parcel of order {order}?",
                "Do you know where my {item} is now? Order {order}.",
                "Where is my {item}? Order {order}.",
                "Can you track order {order} for me?",
                "My {item} has not come yet. The order is {order}.",
                "I have been waiting {days} for order {order}.",
                "When will I get order {order}?",
                "Where is order {order} now?",
            ),
            (
                "order {order} has left our warehouse and will arrive in {days}",
                "order {order} is with the courier and will arrive in {days}",
            ),
            ("will arrive in",),
        ),
        Intent(
            "refund",
            (
                "Can I have my money back for order {order}?",
                "Please give me a refund, order {order}.",
                "Can you refund the {item} in order {order}?",
                "I want a refund for order {order}.",
                "How do I get my money back for the {item}? Order {order}.",
                "The refund for order {order} is still missing.",
                "Please refund my {item}, order {order}.",
                "Can I get a refund for the {item} in order {order}?",
            ),
            (
                "I have started the refund for order {order} and the money will be back in {days}",
                "the refund for order {order} is approved and the money will be back in {days}",
            ),
            ("money will be back",),
        ),
        Intent(
            "return",
            (
                "Can I return order {order}?",
                "Please help me return the {item}, order {order}.",
                "How do I send back order {order}?",
                "How can I return my order {order}?",
                "I would like to return the {item} from order {order}.",
                "How can I send the {item} back? Order {order}.",
                "What is the return process for order {order}?",
                "I want to return order {order}.",
                "How do I return the {item} in order {order}?",
            ),
            (
                "please print the return label for order {order} and send the parcel within {days}",
                "I have emailed you a return label for order {order} and it is valid for {days}",
            ),
            ("return label",),
        ),
        Intent(
            "broken",
            (
                "The {item} is broken. Order {order}.",
                "Order {order} does not work.",
                "My {item} from order {order} is damaged.",
                "Something in order {order} is broken.",
                "The {item} in order {order} arrived broken.",
                "My {item} stopped working after {days}. Order {order}.",
                "Order {order} came damaged.",
                "The {item} I got is broken, order {order}.",
                "Order {order} is broken.",
            ),
            (
                "I will send you a replacement for order {order} within {days}",
                "a free replacement for order {order} will ship today",
            ),
            ("replacement",),
        ),
        Intent(
            "cancel",
            (
                "I want to stop order {order}, please cancel it.",
                "Cancel order {order}, please.",
                "I would like to cancel my order {order}.",
                "Order {order} was a mistake, please cancel it.",
                "Please cancel order {order}.",
                "I ordered the {item} by mistake, cancel {order}.",
                "Can I still cancel order {order}?",
                "I do not need the {item} any more, please cancel order {order}.",
                "I want to cancel order {order}.",
            ),
            (
                "order {order} is cancelled and you will not be charged",
                "I have cancelled order {order} and the payment is released in {days}",
            ),
            ("cancelled",),
        ),
        Intent(
            "address",
            (
                "Please update the address of order {order}.",
                "Can I change the address of order {order}?",
                "The address for order {order} is not right.",
                "Please send order {order} to another address.",
                "I need to change the address for order {order}.",
                "Order {order} is going to the wrong address.",
                "Can you ship order {order} to my new address?",
                "I moved, so the address of order {order} is wrong.",
                "Please change the address of order {order}.",
            ),
            (
                "please send me the new address and I will update order {order} today",
                "order {order} has not shipped yet, so please send me the new address",
            ),
            ("send me the new address",),
        ),
        Intent(
            "password",
            (
                "Please reset my password.",
                "My password is wrong.",
                "I do not know my password.",
                "I lost access to my account.",
                "I cannot log in to my account.",
                "I forgot my password.",
                "How do I reset my password?",
                "My account is locked.",
                "My password does not work.",
                "I lost my password.",
            ),
            (
                "I have sent a reset link to your email",
                "please use the reset link in your email, it works for one hour",
            ),
            ("reset link",),
        ),
        Intent(
            "invoice",
            (
                "I need the receipt for order {order}.",
                "I want the invoice for order {order}.",
                "Can I have a receipt for order {order}?",
                "Can I get an invoice, order {order}?",
                "Please give me the receipt of order {order}.",
                "I need an invoice for order {order}.",
                "Can you email me the receipt for order {order}?",
                "Where can I find the invoice of order {order}?",
                "Please send the invoice for order {order}.",
                "Can I have the invoice for order {order}?",
            ),
            (
                "the invoice for order {order} is now in your inbox",
                "you can download the invoice for order {order} from your account page",
            ),
            ("in your inbox", "account page"),
        ),
        Intent(
            "exchange",
            (
                "I need another size of the {item}, order {order}.",
                "The {item} in order {order} does not fit.",
                "The {item} is too big, order {order}.",
                "Please change the size of order {order}.",
                "The {item} is too small, order {order}.",
                "I need a bigger size of the {item}, order {order}.",
                "Can I exchange the {item} in order {order} for another size?",
                "Order {order} is the wrong size.",
                "The {item} in order {order} is too big, I need another size.",
            ),
            (
                "I can exchange order {order} at no cost",
                "we will swap the size of order {order} within {days}",
            ),
            ("at no cost", "swap the size"),
        ),
        Intent(
            "coupon",
            (
                "The coupon was not accepted.",
                "My discount code does not work.",
                "The coupon code is wrong.",
                "My coupon is not valid.",
                "My coupon does not work.",
                "The discount code was rejected.",
                "Why is my coupon code not valid?",
                "I cannot use my coupon.",
                "My coupon was rejected.",
            ),
            (
                "I have added a new coupon to your account and it is valid for {days}",
                "please try the coupon again, I have renewed it for {days}",
            ),
            ("new coupon", "renewed it"),
        ),
        Intent(
            "charge",
            (
                "My card was charged two times, order {order}.",
                "Order {order} was charged twice.",
                "I paid twice for order {order}.",
                "I was charged twice for order {order}.",
                "There are two payments for order {order}.",
                "Why did you charge my card again for order {order}?",
                "You charged me two times for order {order}.",
                "My card was charged twice for order {order}.",
            ),
            (
                "the second charge for order {order} will be reversed in {days}",
                "I can see the double charge on order {order} and I have reversed it",
            ),
            ("reversed",),
        ),
        Intent(
            "hours",
            (
                "Are you open now?",
                "When are you open on Sunday?",
                "What days are you open?",
                "When do you open?",
                "Are you open at the weekend?",
                "When is support open?",
                "What are your opening hours?",
                "When can I call support?",
                "Are you open on Sunday?",
                "How late are you open?",
                "When are you open?",
            ),
            (
                "our support team is here every day from 9 to 6",
                "you can call us every day from 9 to 6",
            ),
            ("9 to 6",),
        ),
        Intent(
            "greeting",
            (
                "Hello, good afternoon.",
                "Hey.",
                "Good afternoon.",
                "Hi, can you help me?",
                "Hello.",
                "Hi there.",
                "Hello, is anyone there?",
                "Hi, good morning.",
                "Good morning.",
                "Hi.",
            ),
            (
                "tell me your order number and I will look into it",
                "you can ask me about orders, refunds and returns",
            ),
            ("look into it", "ask me about"),
        ),
        Intent(
            "other",
            (
                "Do you sell cars?",
                "Can you sing a song?",
                "Who is the president?",
                "Do you have concert tickets?",
                "Can you sell me a house?",
                "Do you sell bicycles?",
                "What is the weather today?",
                "Tell me a joke.",
                "Can you book a flight for me?",
                "Can you write a poem?",
                "Who won the match?",
                "Do you sell flight tickets?",
            ),
            (
                "I can only help with orders and accounts",
                "I do not know about that, I can only help with orders and accounts",
            ),
            ("only help with",),
        ),
    ),
)

CHINESE = Language(
    items=("耳机", "外套", "咖啡机", "台灯", "背包", "键盘", "帐篷", "搅拌机", "显示器", "水杯", "相机", "吉他"),
    days=("两天", "三天", "五天", "一周", "两周"),
    openers=(
        "您好，很抱歉给您带来不便。",
        "您好，感谢您的联系。",
        "非常抱歉，我来帮您处理。",
        "您好，很高兴为您服务。",
    ),
    closers=("请问还有什么可以帮您？", "感谢您的耐心。", "祝您生活愉快！", "如有问题请随时联系我们。"),
    rude=("这不归我管。", "自己看网站。", "等着吧。", "我们也没办法。", "问别人去。"),
    polite=("您好", "抱歉", "感谢", "请问", "祝您", "为您服务", "随时联系"),
    stop="。",
    space="",
    intents=(
        Intent(
            "track",
            (
                "请问订单{order}在哪里？",
                "订单{order}发货了吗？",
                "帮我看看订单{order}到哪了。",
                "{item}什么时候到？订单{order}。",
                "我的{item}到哪了？订单号{order}。",
                "请帮我查一下订单{order}。",
                "订单{order}等了{days}还没到。",
                "订单{order}什么时候到？",
                "我的{item}还没到，订单{order}。",
                "订单{order}到哪了？",
            ),
            ("订单{order}已经发货，预计{days}内送达", "订单{order}正在配送，预计{days}内送达"),
            ("内送达",),
        ),
        Intent(
            "refund",
            (
                "订单{order}我想退款。",
                "能给订单{order}退款吗？",
                "请退款，订单号{order}。",
                "{item}可以退款吗？订单{order}。",
                "我要给订单{order}退款。",
                "{item}怎么退款？订单号{order}。",
                "订单{order}的退款还没到账。",
                "请给我的{item}退款，订单{order}。",
                "订单{order}可以退款吗？",
            ),
            ("订单{order}的退款已经受理，{days}内退回您的账户", "我已为订单{order}办理退款，{days}内退回您的账户"),
            ("退回您的账户",),
        ),
        Intent(
            "return",
            (
                "订单{order}可以退货吗？",
                "请帮我退货，订单{order}。",
                "我要把{item}退回去，订单{order}。",
                "{item}想办退货，订单号{order}。",
                "我想退货，订单{order}。",
                "{item}怎么寄回去？订单号{order}。",
                "订单{order}怎么办理退货？",
                "订单{order}的{item}我想退货。",
                "我要退货，订单号{order}。",
            ),
            ("订单{order}的退货单已发给您，请在{days}内寄回", "请在{days}内用退货单把订单{order}的商品寄回"),
            ("退货单",),
        ),
        Intent(
            "broken",
            (
                "订单{order}收到就是坏的。",
                "{item}坏了，订单号{order}。",
                "我的订单{order}坏了。",
                "我收到的{item}坏了，订单{order}。",
                "订单{order}的{item}坏了。",
                "{item}用了{days}就坏了，订单{order}。",
                "收到的{item}是坏的，订单号{order}。",
                "订单{order}的商品坏了。",
                "我的{item}坏了，订单号{order}。",
            ),
            ("我马上为订单{order}补发新的商品", "订单{order}可以免费换新，今天补发"),
            ("补发",),
        ),
        Intent(
            "cancel",
            (
                "订单{order}不要了，请取消。",
                "我要取消订单{order}。",
                "帮我取消订单{order}，谢谢。",
                "可以取消订单{order}吗？",
                "请取消订单{order}。",
                "{item}买错了，帮我取消订单{order}。",
                "订单{order}还能取消吗？",
                "我不要{item}了，取消订单{order}。",
                "我想取消订单{order}。",
            ),
            ("订单{order}已经取消，不会扣款", "我已取消订单{order}，不会扣款"),
            ("不会扣款",),
        ),
        Intent(
            "address",
            (
                "帮我改订单{order}的地址。",
                "请把订单{order}的地址换成新的。",
                "订单{order}的地址不对，请改一下。",
                "可以改订单{order}的地址吗？",
                "订单{order}要改地址。",
                "订单{order}的地址写错了。",
                "订单{order}能换个地址吗？",
                "我搬家了，订单{order}要换地址。",
                "请改一下订单{order}的地址。",
            ),
            ("请把新地址发给我，我马上更新订单{order}", "订单{order}还没发货，请把新地址发给我"),
            ("新地址发给我",),
        ),
        Intent(
            "password",
            (
                "密码忘了怎么办？",
                "我忘了我的密码。",
                "请帮我重置密码。",
                "账户密码不对。",
                "我的账户登录不了。",
                "忘了密码。",
                "我登录不了账户。",
                "我忘记密码了。",
                "怎么重置密码？",
                "我的账户被锁了。",
                "我的密码不对。",
                "我的密码忘了。",
            ),
            ("重置链接已发到您的邮箱", "请用邮箱里的重置链接，一小时内有效"),
            ("重置链接",),
        ),
        Intent(
            "invoice",
            (
                "订单{order}可以开发票吗？",
                "我需要订单{order}的发票。",
                "请给我发票，订单{order}。",
                "帮我给订单{order}开发票。",
                "订单{order}要开发票。",
                "请把订单{order}的发票发给我。",
                "订单{order}的发票在哪里？",
                "我要订单{order}的发票。",
                "请给订单{order}开发票。",
            ),
            ("订单{order}的发票已经开好，请查收", "订单{order}的发票可以在个人中心下载"),
            ("请查收", "个人中心"),
        ),
        Intent(
            "exchange",
            (
                "订单{order}的{item}尺码太小了。",
                "想换大一号的{item}，订单{order}。",
                "{item}太大了，订单{order}。",
                "请帮订单{order}换尺码。",
                "{item}的尺码不合适，想换，订单{order}。",
                "{item}太小了，订单{order}。",
                "我要大一号的{item}，订单{order}。",
                "订单{order}的{item}能换尺码吗？",
                "订单{order}的尺码不对。",
                "订单{order}的{item}太大了，想换尺码。",
            ),
            ("订单{order}可以免费调换尺码", "我们会在{days}内为订单{order}调换尺码"),
            ("调换尺码",),
        ),
        Intent(
            "coupon",
            (
                "我的优惠券用不了。",
                "优惠券无效怎么办？",
                "这张优惠券不能用。",
                "优惠码不能用。",
                "为什么我的优惠券不能用？",
                "我的优惠券不能用。",
                "优惠码为什么无效？",
                "优惠券怎么用不了？",
                "我的优惠码不对。",
                "我的优惠券无效。",
            ),
            ("我已为您补上一张优惠券，{days}内有效", "优惠券已经更新，请再试一次"),
            ("补上一张", "再试一次"),
        ),
        Intent(
            "charge",
            (
                "订单{order}扣款两次。",
                "订单{order}重复扣钱了。",
                "为什么订单{order}扣了两次？",
                "订单{order}多扣了钱。",
                "你们多扣了我一次钱，订单{order}。",
                "订单{order}扣了两次钱。",
                "订单{order}为什么又扣款？",
                "订单{order}付了两次款。",
                "你们给订单{order}多扣了钱。",
                "订单{order}多扣了一次钱。",
            ),
            ("订单{order}多扣的款项将在{days}内退还", "我看到订单{order}重复扣款，已经为您退还"),
            ("退还",),
        ),
        Intent(
            "hours",
            (
                "什么时候上班？",
                "你们周末上班吗？",
                "客服几点上班？",
                "你们什么时候有人？",
                "请问几点下班？",
                "你们几点上班？",
                "客服电话什么时候能打？",
                "周日上班吗？",
                "你们几点下班？",
                "你们什么时候上班？",
            ),
            ("客服每天九点到六点在线", "您可以每天九点到六点给我们打电话"),
            ("九点到六点",),
        ),
        Intent(
            "greeting",
            (
                "您好。",
                "你好，有人在吗？",
                "早上好，在吗？",
                "晚上好。",
                "嗨，你好。",
                "你好。",
                "在吗？",
                "您好，有人吗？",
                "你好，在吗？",
                "早上好。",
                "你好，早上好。",
            ),
            ("请告诉我订单号，我来查看", "您可以问我订单、退款和退货的问题"),
            ("我来查看", "您可以问我"),
        ),
        Intent(
            "other",
            (
                "你们卖汽车吗？",
                "会唱歌吗？",
                "总统是谁？",
                "能给我讲个故事吗？",
                "你们卖房子吗？",
                "有演唱会门票吗？",
                "你们卖自行车吗？",
                "今天天气怎么样？",
                "讲个笑话。",
                "能帮我订机票吗？",
                "会写诗吗？",
                "谁赢了比赛？",
                "你们卖机票吗？",
            ),
            ("我只能帮您处理订单和账户的问题", "这个我不了解，我只能帮您处理订单和账户的问题"),
            ("只能帮您",),
        ),
    ),
)

LANGUAGES: dict[Lang, Language] = {"en": ENGLISH, "zh": CHINESE}


@dataclass(frozen=True)
class Case:
    """One customer turn: the question as written, its intent, and the slots that the answer may use."""

    lang: Lang
    intent: Intent
    question: str
    slots: dict[str, str]

    @property
    def order(self) -> str | None:
        """The order number the answer has to repeat; None where the question names none."""
        return self.slots["order"] if self.slots["order"] in self.question else None


def careless(rng: random.Random, question: str, keep: str, lang: Lang) -> str:
    """The question as somebody types it in a hurry: some words left out, never the order number.

    A model that only ever sees whole phrasings learns them by heart and fails on a new one; gaps make it look at every
    word (measured here: DPO lost a third of the right topics on held-out phrasings without them).
    """
    if lang == "en":
        words = question.split(" ")
        kept = [word for word in words if keep in word or rng.random() > DROPPED]
        return " ".join(kept) or question
    head, order, tail = question.partition(keep)
    left, right = ("".join(sign for sign in part if rng.random() > DROPPED) for part in (head, tail))
    return left + order + right or question


def draw_case(rng: random.Random, lang: Lang, *, held_out: bool = False) -> Case:
    """One random customer turn. Held-out cases use the last phrasing of an intent only, training cases all others.

    A share of the training questions is typed carelessly, held-out ones never.
    """
    language = LANGUAGES[lang]
    intent = rng.choice(language.intents)
    question = intent.questions[-1] if held_out else rng.choice(intent.questions[:-1])
    slots = {"item": rng.choice(language.items), "days": rng.choice(language.days), "order": rng.choice(ORDER_NUMBERS)}
    asked = question.format(**slots)
    if not held_out and rng.random() < CARELESS:
        kept_apart = [one.questions[-1].format(**slots) for one in language.intents]
        typed = careless(rng, asked, slots["order"], lang)
        # A gap may turn a training phrasing into the held-out one: then it stays as it was.
        asked = asked if any(one in typed for one in kept_apart) else typed
    slots["days"] = rng.choice(language.days)  # the agent's promise does not depend on how long the customer waited
    return Case(lang, intent, asked, slots)


def resolution(rng: random.Random, case: Case, style: Style) -> str:
    """What is done about a case, as a sentence: of its own intent and order, less what the style gets wrong."""
    language = LANGUAGES[case.lang]
    slots = dict(case.slots)
    intent = case.intent
    if style == "off_topic":
        intent = rng.choice([other for other in language.intents if other.name != intent.name])
    if style == "wrong_order":
        slots["order"] = rng.choice([number for number in ORDER_NUMBERS if number != slots["order"]])
    text = rng.choice(intent.answers).format(**slots)
    return text[0].upper() + text[1:] + language.stop


def answer(rng: random.Random, case: Case, style: Style) -> str:
    """One answer to a case in a style. All styles but `off_topic` use a resolution of the case's own, or none."""
    language = LANGUAGES[case.lang]
    sentence = resolution(rng, case, style)
    opener, closer, rude = rng.choice(language.openers), rng.choice(language.closers), rng.choice(language.rude)
    if style == "plain":
        return sentence
    if style == "rude":
        return rude
    if style == "rude_answer":
        return rude + language.space + sentence
    if style == "rambling":
        return language.space.join([sentence] + [closer] * rng.randint(2, 4))
    if style == "manners_only":
        return language.space.join([opener, closer])
    if style == "repeating":
        said_again = rng.choice((opener, sentence, closer))
        return language.space.join([opener, *[said_again] * rng.randint(1, 3), sentence, closer])
    return language.space.join([opener, sentence, closer])


def near_miss(rng: random.Random, case: Case, style: Style) -> tuple[str, str]:
    """A good answer and one in the style `off_topic` or `wrong_order`, with the same manners around them."""
    language = LANGUAGES[case.lang]
    opener, closer = rng.choice(language.openers), rng.choice(language.closers)
    good, bad = (language.space.join([opener, resolution(rng, case, one), closer]) for one in ("good", style))
    return good, bad
