"""The words of the made-up programme in three languages: what it asks, code -> items and text; names of categories."""

from collections.abc import Mapping

Three = tuple[str, str, str]

_CATEGORIES: Mapping[str, Three] = {
    "bread": ("Bread", "麵包", "面包"),
    "coffee": ("Coffee", "咖啡", "咖啡"),
    "tea": ("Tea", "茶", "茶"),
    "bread/rye": ("Rye bread", "裸麥麵包", "黑麦面包"),
    "coffee/beans": ("Coffee beans", "咖啡豆", "咖啡豆"),
    "coffee/capsules": ("Coffee capsules", "咖啡膠囊", "咖啡胶囊"),
    "tea/green": ("Green tea", "綠茶", "绿茶"),
}
CATEGORIES = tuple(
    (code, tuple(zip(("en", "zh-Hant", "zh-Hans"), names, strict=True))) for code, names in _CATEGORIES.items()
)
"""What stands in the column `category`, and what members read."""

_GUESS = "A coin toss is right 50 times in 100; with the model the best guess is right at most {} times."
_WHO: Three = ("Harbour Club Ltd, Taipei", "港灣會員股份有限公司，臺北", "港湾会员有限公司，台北")
_RIGHTS: Three = (
    "Stop here at any time: your data, then the use. You may also see, copy, correct and erase, and object.",
    "您隨時可以在這裡停止：「您的資料」中選擇該項使用。您也可以查閱、取得複本、更正、刪除與反對。",
    "您随时可以在这里停止：“您的数据”中选择该项使用。您也可以查阅、获取副本、更正、删除和反对。",
)
_CONSEQUENCES: Three = (
    "If you don’t allow it, your points, tier and prices stay the same.",
    "如果不允許，您的點數、會員等級與商品價格都不受影響。",
    "如果不允许，您的积分、会员等级与商品价格都不受影响。",
)
_LOCAL: Three = (
    "Your records stay with the department. Each round, random noise is added to a sum; only that sum leaves.",
    "您的紀錄留在部門內。每一輪會在總和加入隨機雜訊，離開的只有這個總和。",
    "您的记录留在部门内。每一轮会在总和中加入随机噪声，离开的只有这个总和。",
)
COMMON: Mapping[str, Three] = {
    "who": _WHO,
    "contact": ("privacy@harbour.example",) * 3,
    "rights": _RIGHTS,
    "consequences": _CONSEQUENCES,
    "method": _LOCAL,
    "accept": ("Allow", "允許", "允许"),
    "refuse": ("Don’t allow", "不允許", "不允许"),
}
NOTICES: Mapping[str, tuple[tuple[tuple[str, str], ...], Mapping[str, Three]]] = {
    "preference": (
        (("purchases", "marketing"), ("browsing", "marketing"), ("location", "marketing"), ("purchases", "ricefield")),
        {
            "title": ("Learning what members like", "了解會員喜歡什麼", "了解会员喜欢什么"),
            "body": (
                "Once a month a model learns which products members like. It ranks products; it sets no price.",
                "每個月訓練一次模型，了解會員喜歡哪些商品。模型只排列商品，不決定價格。",
                "每个月训练一次模型，了解会员喜欢哪些商品。模型只排列商品，不决定价格。",
            ),
            "purpose": (
                "A model that ranks products by how likely a member is to want them",
                "依會員可能想要的程度排列商品的模型",
                "按会员可能想要的程度排列商品的模型",
            ),
            "data_types": (
                "What you bought and looked at; where you were when you opened the app, only if you allow it",
                "您買過與看過的商品；開啟App時的位置（僅在您允許時）",
                "您买过和看过的商品；打开App时的位置（仅在您允许时）",
            ),
            "retention": (
                "The training table: 30 days. The model: 24 months.",
                "訓練用表格：30天。模型：24個月。",
                "训练用表格：30天。模型：24个月。",
            ),
            "necessity": (
                "Shops nearby are ranked first; without location every shop counts the same.",
                "優先排列附近的門市；沒有位置資訊時，所有門市一視同仁。",
                "优先排列附近的门店；没有位置信息时，所有门店一视同仁。",
            ),
            "impact": (
                "Location can tell where you live and work. Only the district and the hour are read.",
                "位置可能透露您的住處與工作地點，因此只讀取行政區與小時。",
                "位置可能泄露您的住处和工作地点，因此只读取行政区和小时。",
            ),
            "example": (
                "Someone with the model wants to know if Ms Hsu, who does not exist, bought baby food. "
                + _GUESS.format(60),
                "有人拿到完成的模型，想知道虛構的許小姐去年是否買過嬰兒食品。丟硬幣100次會猜對50次，有了模型，最多猜對60次。",
                "有人拿到完成的模型，想知道虚构的许女士去年是否买过婴儿食品。抛硬币100次会猜对50次，有了模型，最多猜对60次。",
            ),
        },
    ),
    "churn": (
        (("purchases", "service"), ("tickets", "service")),
        {
            "title": ("Early warning", "提早提醒", "提前提醒"),
            "body": (
                "A model estimates which members may stop coming, so that customer service can ask what went wrong.",
                "模型會估計哪些會員可能不再光顧，讓客服及早詢問原因。",
                "模型会估计哪些会员可能不再光顾，让客服及早询问原因。",
            ),
            "purpose": (
                "A model that predicts which members may leave within 30 days",
                "預測哪些會員可能在30天內不再光顧的模型",
                "预测哪些会员可能在30天内不再光顾的模型",
            ),
            "data_types": (
                "What you bought, and what you asked our service team",
                "您買過的商品，以及您向客服提出的問題",
                "您买过的商品，以及您向客服反映的问题",
            ),
            "retention": (
                "The training table: 30 days. The model: 12 months.",
                "訓練用表格：30天。模型：12個月。",
                "训练用表格：30天。模型：12个月。",
            ),
            "example": (
                "Someone with the model wants to know if Mr Lo, who does not exist, complained last spring. "
                + _GUESS.format(58),
                "有人拿到模型，想知道虛構的羅先生去年春天是否客訴過。丟硬幣100次會猜對50次，有了模型，最多猜對58次。",
                "有人拿到模型，想知道虚构的罗先生去年春天是否投诉过。抛硬币100次会猜对50次，有了模型，最多猜对58次。",
            ),
        },
    ),
    "offers": (
        (("purchases", "marketing"), ("browsing", "marketing")),
        {
            "title": ("Choosing offers for you", "為您挑選優惠", "为您挑选优惠"),
            "body": (
                "A system chooses which offers you see. No person is involved; you can ask for one.",
                "由系統挑選您看到的優惠，過程沒有人員參與，您可以請專人處理。",
                "由系统挑选您看到的优惠，过程没有人员参与，您可以申请人工处理。",
            ),
            "purpose": ("Offers chosen for each member", "為每位會員挑選優惠", "为每位会员挑选优惠"),
            "data_types": (
                "What you bought and looked at",
                "您買過與看過的商品",
                "您买过和看过的商品",
            ),
            "retention": (
                "The list of your offers: 12 months.",
                "您的優惠清單：12個月。",
                "您的优惠清单：12个月。",
            ),
            "method": (
                "A model at the marketing department ranks offers; the shelf price is the same for every member.",
                "行銷部的模型排列優惠；商品定價對所有會員都相同。",
                "市场部的模型排列优惠；商品标价对所有会员都相同。",
            ),
            "necessity": (
                "Offers of shops nearby; without location you get those of all shops.",
                "提供附近門市的優惠；沒有位置資訊時，提供所有門市的優惠。",
                "提供附近门店的优惠；没有位置信息时，提供所有门店的优惠。",
            ),
            "impact": (
                "Location can tell where you live and work. Only the district and the hour are read.",
                "位置可能透露您的住處與工作地點，因此只讀取行政區與小時。",
                "位置可能泄露您的住处和工作地点，因此只读取行政区和小时。",
            ),
        },
    ),
    "fairness": (
        (("demographics", "audit"),),
        {
            "title": ("Checking that models treat people equally", "檢查模型是否一視同仁", "检查模型是否一视同仁"),
            "body": (
                "The audit team counts, with noise, whether models treat groups of members differently.",
                "稽核小組以加入雜訊的計數，檢查模型是否對不同群體有差別待遇。",
                "审计组以加入噪声的计数，检查模型是否对不同群体有差别待遇。",
            ),
            "purpose": ("Counts by group, for audits", "供稽核使用的分組計數", "供审计使用的分组计数"),
            "data_types": (
                "Age band, gender, household size and income band, if you told us",
                "您填寫過的年齡層、性別、家庭人數與收入區間",
                "您填写过的年龄段、性别、家庭人数与收入区间",
            ),
            "retention": ("The counts: 3 years.", "計數結果：3年。", "计数结果：3年。"),
            "necessity": (
                "Without it nobody can see whether a group is treated worse.",
                "沒有這些資料，就無法得知是否有群體受到較差待遇。",
                "没有这些数据，就无法得知是否有群体受到较差待遇。",
            ),
            "impact": (
                "A leak would show facts about your household. Only noisy counts leave; no line about you does.",
                "外洩會透露您的家庭狀況；離開的只有加了雜訊的計數，沒有關於您的個別紀錄。",
                "泄露会透露您的家庭状况；离开的只有加了噪声的计数，没有关于您的个别记录。",
            ),
        },
    ),
    "link-ricefield": (
        (("purchases", "marketing"), ("purchases", "ricefield")),
        {
            "title": ("Helping each other’s models", "互相幫助模型", "互相帮助模型"),
            "body": (
                (
                    "Two companies that both know you learn a little from each other. Each keeps its records. "
                    "What crosses about you is a code, one answer and one group, the last two changed at random."
                ),
                "兩家都認識您的公司互相學習一點。紀錄各自保存。關於您傳送的只有一個代碼、一個答案與一個組別，後兩者會隨機更動。",
                "两家都认识您的公司互相学习一点。记录各自保存。关于您传送的只有一个代码、一个答案和一个组别，后两者会随机更改。",
            ),
            "purpose": (
                "Better models at both, such as who may stop coming",
                "改善雙方的模型，例如預測哪些會員可能不再光顧",
                "改善双方的模型，例如预测哪些会员可能不再光顾",
            ),
            "data_types": (
                "What you bought at each of them; it stays there",
                "您在雙方各自買過的商品；紀錄留在原處",
                "您在双方各自买过的商品；记录留在原处",
            ),
            "method": (
                (
                    "A code names you to both for one quarter. One sends an answer about you that is right more often "
                    "than wrong; the other sends back one of four groups, drawn the same way."
                ),
                "以代碼在一季內指認您。一方傳送關於您的一個答案，對的時候比錯的多；另一方以同樣方式回傳四個組別之一。",
                "以代码在一个季度内指认您。一方传送关于您的一个答案，对的时候比错的多；另一方以同样方式传回四个组别之一。",
            ),
            "retention": (
                "The code, the answer and the group: one quarter. The models: 12 months.",
                "代碼、答案與組別：一季。模型：12個月。",
                "代码、答案与组别：一个季度。模型：12个月。",
            ),
            "example": (
                (
                    "Ricefield Market would learn that Ms Hsu, who does not exist, is also a member here. From the one "
                    "answer it could guess whether she has stopped coming, and be right at most 74 times in 100; a "
                    "coin toss is right 50 times."
                ),
                (
                    "稻田超市會得知虛構的許小姐也是這裡的會員。從那一個答案，可以猜她是否已不再光顧；"
                    "丟硬幣100次會猜對50次，這樣猜最多猜對74次。"
                ),
                (
                    "稻田超市会得知虚构的许女士也是这里的会员。从那一个答案，可以猜她是否已不再光顾；"
                    "抛硬币100次会猜对50次，这样猜最多猜对74次。"
                ),
            ),
        },
    ),
    "matching": (
        (("demographics", "tern"),),
        {
            "title": ("Matching accounts with Tern Airlines", "與燕鷗航空比對會員身分", "与燕鸥航空匹配会员身份"),
            "body": (
                "Tern Airlines would find out which of its travellers are members here, to credit points for flights.",
                "燕鷗航空會得知哪些旅客也是本方案會員，以便累計飛行點數。",
                "燕鸥航空会得知哪些旅客也是本计划会员，以便累计飞行积分。",
            ),
            "purpose": ("Points for flights", "飛行累計點數", "飞行累计积分"),
            "data_types": ("Age band and gender", "年齡層與性別", "年龄段与性别"),
            "retention": ("The list of matches: 6 months.", "比對結果：6個月。", "匹配结果：6个月。"),
            "method": (
                "Both sides compare keyed codes, not names. Tern Airlines works in Japan.",
                "雙方比對加密代碼，不比對姓名。燕鷗航空在日本作業。",
                "双方比对加密代码，不比对姓名。燕鸥航空在日本作业。",
            ),
            "necessity": (
                "Two travellers of one name must not be mixed up.",
                "避免混淆同名的旅客。",
                "避免混淆同名的旅客。",
            ),
            "impact": (
                "Tern Airlines learns that you are a member here, and your age band and gender.",
                "燕鷗航空會得知您是本方案會員，以及您的年齡層與性別。",
                "燕鸥航空会得知您是本计划会员，以及您的年龄段与性别。",
            ),
        },
    ),
}
