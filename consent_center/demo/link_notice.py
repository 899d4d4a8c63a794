"""What the demo's members are asked before two holders of data help each other's models, in three languages."""

from consent_center.consent.notice import NoticeText

LINKAGE = {
    "en": NoticeText(
        title="May these two help each other’s models with what each knows of you?",
        body="Two parties that both know you learn a little from each other. Each keeps its records. What crosses "
        "about you is a code, one answer and one group, the last two changed at random.",
        who="The two parties named on the choices, and nobody else. Only if you allow it at both.",
        contact="privacy@programme.example, or any counter",
        purpose="Better models at both, such as who may stop coming.",
        method="A code names you to both for one quarter. One sends an answer about you that is right more often than "
        "wrong; the other sends back one of four groups, drawn the same way. It crosses the programme sealed.",
        data_types="What you bought at one of them, what you use of the other; both stay there.",
        retention="The code, the answer and the group: one quarter. The models: one year. Your answer: one year.",
        rights="Withdraw at either of them at any time; it holds from the next round. See, copy, correct, erase.",
        consequences="Each of the two learns that the other knows you. Points, tier and prices stay the same.",
        accept="Allow",
        refuse="Don’t allow",
        example="Hypothetical: from the one answer, a guess whether Ms Hsu left would be right at most 74 times in "
        "100; a coin toss is right 50 times.",
    ),
    "zh-Hant": NoticeText(
        title="可以讓這兩方用各自所知的您，互相幫助模型嗎？",
        body="兩個都認識您的單位互相學習一點。紀錄各自保存。關於您傳送的只有一個代碼、一個答案和一個組別，後兩者會隨機更動。",
        who="選項上列出的這兩方，沒有別人；而且您在兩邊都同意才會進行。",
        contact="privacy@programme.example，或任一服務櫃檯",
        purpose="改善雙方的模型，例如預測哪些會員可能不再光顧。",
        method="以代碼在一季內指認您。一方傳送關於您的一個答案，對的時候比錯的多；另一方以同樣方式回傳四個組別之一。"
        "經過本計畫時都是密封的。",
        data_types="您在一方買過的商品、在另一方使用的服務；紀錄都留在原處。",
        retention="代碼、答案與組別：一季。模型：一年。您的選擇：一年。",
        rights="隨時可在任一方撤回，下一輪起生效。您也可以查詢、複製、更正、刪除。",
        consequences="雙方會知道對方也認識您。點數、等級和價格都不變。",
        accept="同意",
        refuse="不同意",
        example="假設的例子：從那一個答案猜許小姐是否已不再光顧，100次最多猜對74次；丟硬幣會猜對50次。",
    ),
    "zh-Hans": NoticeText(
        title="可以让这两方用各自所知的您，互相帮助模型吗？",
        body="两个都认识您的单位互相学习一点。记录各自保存。关于您传送的只有一个代码、一个答案和一个组别，后两者会随机更改。",
        who="选项上列出的这两方，没有别人；而且您在两边都同意才会进行。",
        contact="privacy@programme.example，或任一服务台",
        purpose="改善双方的模型，例如预测哪些会员可能不再光顾。",
        method="以代码在一个季度内指认您。一方传送关于您的一个答案，对的时候比错的多；另一方以同样方式传回四个组别之一。"
        "经过本计划时都是密封的。",
        data_types="您在一方买过的商品、在另一方使用的服务；记录都留在原处。",
        retention="代码、答案与组别：一个季度。模型：一年。您的选择：一年。",
        rights="随时可在任一方撤回，下一轮起生效。您也可以查询、复制、更正、删除。",
        consequences="双方会知道对方也认识您。积分、等级和价格都不变。",
        accept="同意",
        refuse="不同意",
        example="假设的例子：从那一个答案猜许女士是否已不再光顾，100次最多猜对74次；抛硬币会猜对50次。",
    ),
}
