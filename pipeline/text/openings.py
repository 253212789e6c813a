"""How notices begin that have no fixed end: data of ``boilerplate``'s rules, by language.

They are regular expressions on folded lines, each of which must match a whole line.
"""

from __future__ import annotations

import re

OPENINGS = tuple(
    re.compile(pattern)
    for pattern in (
        # English: sign-up calls and notices, whole lines
        (
            r"(?:please )?(?:subscribe|sign up|sign up now|register) (?:to|for|here for) (?:our|the|your|a) (?:\w+ "
            r"){0,6}(?:newsletters?|emails?|e mails?|alerts|briefings?|mailing list|channel|podcast)\b.*"
        ),
        (
            r"(?:get|receive) (?:the |our |all the |daily |breaking )*(?:latest |top |best |biggest )*(?:\w+ "
            r"){0,4}(?:news|stories|headlines|updates|analysis)(?: \w+){0,10} (?:in|to) your (?:inbox|email|e mail"
            r"|phone)\b.*"
        ),
        (
            r"follow (?:us|\w+(?: \w+){0,3}) on (?:facebook|twitter|x|instagram|telegram|whatsapp|youtube|linkedin"
            r"|tiktok|google news|social media|bluesky|threads)\b(?: \w+){0,14}"
        ),
        r"(?:join|like) us on (?:facebook|twitter|telegram|whatsapp|youtube)\b(?: \w+){0,10}",
        r"join our (?:whatsapp|telegram) (?:channel|group|community)\b(?: \w+){0,14}",
        r"download (?:our|the) (?:\w+ ){0,4}app\b(?: \w+){0,10}",
        r"click here (?:to|for) (?:read|subscribe|join|sign|more|see|watch|view|get|download|the latest|our)\b.*",
        r"we (?:and our \w+ )?use cookies (?:to|and|on|for)\b.*",
        (
            r"(?:this|our) (?:web)?site (?:and \w+ )?uses cookies\b.*"
            r"\b(?:you|your|accept|preferences|settings)\b.*"
        ),
        (
            r"by (?:continuing|clicking|using|browsing|signing up|subscribing|entering your) .*"
            r"\b(?:you (?:agree|accept|consent|acknowledge)|our privacy|our terms|use of cookies)\b.*"
        ),
        r"(?:please )?enable javascript\b.*|javascript (?:is|must be) (?:disabled|required|enabled)\b.*",
        r"(?:copyright|©) ?(?:©|c)? ?(?:19|20)\d\d\b.*|(?:19|20)\d\d .{0,60} all rights reserved",
        r"(?:\w+ ){0,8}all rights reserved(?: \w+){0,20}",
        (
            r"(?:this|the) (?:article|story|post) (?:was )?(?:first|originally) (?:appeared|published) (?:on|in|at"
            r"|by)\b(?: \w+){1,10}"
        ),
        r"(?:do you )?(?:have|got) a (?:story|news tip|tip)\b.*\b(?:email|contact|get in touch|send|write|call)\b.*",
        (
            r"(?:for (?:more|the latest) (?:stories|news|updates) .*)\b(?:check|visit|follow|click|subscribe|page"
            r"|website|app)\b.*"
        ),
        r"get in touch with our (?:\w+ ){0,3}team\b.*",
        r"check out more of .*\bnewsletter",
        # the same in other languages
        r"(?:abonnieren sie|melden sie sich|jetzt) (?:\w+ ){0,6}newsletter\b.*(?:an|abonnieren|anmelden)?",
        r"folgen sie uns (?:auf|bei|auch)\b.*|wir verwenden cookies\b.*|diese (?:web)?seite verwendet cookies\b.*",
        (
            r"(?:abonnez vous|inscrivez vous) (?:à|a) (?:notre|nos|la|l)\b.*|suivez nous sur\b.*|nous utilisons des "
            r"cookies\b.*"
        ),
        (
            r"(?:suscríbete|suscríbase|suscribete|apúntate) (?:a|al) (?:nuestr[oa]s?|la|el|boletín|newsletter)\b.*"
            r"|síguenos en\b.*|sigue (?:toda )?la (?:información|actualidad) de .* en .*|(?:utilizamos|usamos) "
            r"cookies\b.*"
        ),
        r"(?:assine|inscreva se|subscreva) (?:a|na|em) noss[ao]\b.*|siga nos (?:no|na|em)\b.*|usamos cookies\b.*",
        r"(?:iscriviti|abbonati) all[ae] (?:nostra )?newsletter\b.*|seguici su\b.*|utilizziamo i cookie\b.*",
        (
            r"(?:подписывайтесь|подпишитесь|подписаться) на (?:наш|нашу|наши|нас|рассылку|канал|telegram"
            r"|телеграм)\b.*|следите за (?:нашими )?новостями (?:в|на)\b.*|мы используем (?:файлы )?cookies?\b.*"
            r"|читайте нас (?:в|на)\b.*"
        ),
        (
            r"(?:підписуйтесь|підпишіться|підписуйтеся|підписатися) на (?:наш|нашу|наші|нас|розсилку|канал|telegram"
            r"|телеграм)\b.*|стежте за (?:нашими )?новинами (?:в|у|на)\b.*|ми використовуємо (?:файли )?cookies?\b.*"
            r"|читайте нас (?:в|у|на)\b.*"
        ),
        (
            r"bizi (?:\w+ ){1,3}takip ed\w+.*|(?:e )?bültenimize (?:abone|kayıt) ol\w*.*|(?:web )?sitemizde "
            r"çerez(?:ler)? kullan\w+.*"
        ),
        (
            r"تابعونا? (?:عبر|علی)\b.*|تابعنا (?:عبر|علی)\b.*|اشترک فی (?:نشرتنا|النشره|قناتنا|قناه)\b.*|انضم الی "
            r"(?:قناتنا|قناه)\b.*|نستخدم ملفات تعریف الارتباط\b.*"
        ),
        r"ما را در .* دنبال کنید.*|در (?:کانال|خبرنامه) .* عضو شوید.*",
        r"مزید من .* علی (?:واتساب|تلیغرام|تلغرام)\b.*",
    )
)
"""How notices begin that have no fixed end."""
