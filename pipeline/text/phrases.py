"""The phrases of ``boilerplate``'s rules: data, by language.

Lists are separated by bars. They are folded when they are loaded, so case, punctuation and Arabic letter variants don't
matter here. Notices without a fixed end are in ``openings``.
"""

from __future__ import annotations

EXACT_LISTS = {
    "en": """
        get the latest news updates | get the latest news | get latest news updates | latest news updates |
        advertisement | advertisements | advertising | advert | ad | sponsored | sponsored content | promoted
        content | paid content | story continues below | article continues below | story continues below
        advertisement | article continues below advertisement | article continues after advertisement | article
        continues after this advertisement | continue reading | continue reading below | continue reading the
        main story | read more | read full story | read the full story | read full article | read next | read
        also | also read | see also | also see | up next | watch | watch video | watch now | listen | listen now
        | related | related articles | related article | related stories | related story | related news |
        related topics | related content | more on this story | more from this section | more stories | more
        like this | recommended | recommended stories | recommended for you | you may also like | you might also
        like | you might like | most read | most popular | most viewed | trending | trending now | top stories |
        editors picks | editor s picks | latest news | breaking news | in this article | share | share this |
        share this article | share this story | share this post | share article | share on facebook | share on
        twitter | share on x | share on whatsapp | share via email | tweet | email this | print | print this |
        print this article | copy link | link copied | save | save article | save for later | bookmark | comment
        | comments | view comments | leave a comment | leave a reply | join the conversation | show comments |
        subscribe | subscribe now | sign up | sign up now | sign in | log in | register | register now |
        newsletter | newsletters | subscribe to our newsletter | sign up for our newsletter | sign up to our
        newsletter | sign up for our newsletters | sign up for our emails | sign up to our newsletters | join
        our newsletter | get our newsletter | subscribe to our newsletters | subscribe to our channel | follow
        us | follow us on | follow us on social media | download our app | download the app | get the app |
        click here | learn more | find out more | load more | show more | see more | view more | loading | back
        to top | skip to content | skip to main content | skip advertisement | close | accept all | accept
        cookies | accept all cookies | cookie settings | manage cookies | cookie policy | privacy policy | terms
        of use | terms of service | all rights reserved | article content | this content could not be loaded |
        image caption | video caption | getty images | photo | file photo | subscribe to continue reading |
        already a subscriber | already a subscriber log in | already a subscriber sign in | this article is for
        subscribers only | this is a subscriber only article | subscribe for full access | topics | tags
    """,
    "de": """
        anzeige | werbung | weiterlesen | mehr lesen | mehr dazu | mehr zum thema | mehr zu diesem thema | lesen
        sie auch | lesen sie mehr | lies auch | auch interessant | das könnte sie auch interessieren | das
        könnte dich auch interessieren | weiterführende links | weitere artikel | ähnliche artikel | verwandte
        themen | passend zum thema | meistgelesen | meistgelesene artikel | artikel teilen | teilen | drucken |
        merken | kommentieren | kommentare | zum kommentieren anmelden | newsletter | newsletter abonnieren |
        jetzt abonnieren | jetzt anmelden | jetzt newsletter abonnieren | folgen sie uns | datenschutz |
        impressum | nutzungsbedingungen | alle akzeptieren | cookie einstellungen | empfohlener redaktioneller
        inhalt | empfohlener externer inhalt | externer inhalt | externe inhalte laden | fehler gefunden jetzt
        melden | zur startseite | nach oben | themen in diesem artikel | wie hat ihnen dieser artikel gefallen |
        mehr aus diesem ressort
    """,
    "fr": """
        publicité | passer la publicité | à lire aussi | a lire aussi | lire aussi | à lire également | lire
        également | lire la suite | à voir aussi | voir aussi | sur le même sujet | articles liés | à lire |
        partager | partager cet article | partager l article | commenter | commentaires | réagir | imprimer | s
        abonner | abonnez vous | je m abonne | inscrivez vous à notre newsletter | s inscrire à la newsletter |
        newsletter | suivez nous | tout accepter | accepter les cookies | gérer les cookies | les plus lus |
        article réservé aux abonnés | cet article est réservé aux abonnés | mentions légales | copier le lien
    """,
    "es": """
        publicidad | anuncio | lea también | lee también | leer también | lea además | te puede interesar | le
        puede interesar | también te puede interesar | puede interesarte | ver también | más información |
        noticias relacionadas | artículos relacionados | relacionado | relacionadas | leer más | seguir leyendo
        | sigue leyendo | continuar leyendo | compartir | comparte | compartir en facebook | compartir en
        twitter | comentarios | comentar | imprimir | suscríbete | suscribete | suscríbase | suscríbete a
        nuestro boletín | suscríbete a nuestra newsletter | síguenos | síguenos en redes sociales | aceptar todo
        | aceptar cookies | política de cookies | lo más leído | lo más visto | ver comentarios | copiar enlace
        | esta funcionalidad es sólo para suscriptores | esta funcionalidad es solo para suscriptores
    """,
    "pt": """
        publicidade | leia também | leia mais | leia ainda | veja também | saiba mais | continua após a
        publicidade | compartilhe | partilhar | compartilhar | comentários | assine | assine já | inscreva se |
        siga nos | mais lidas | notícias relacionadas
    """,
    "it": """
        pubblicità | leggi anche | leggi tutto | leggi di più | approfondisci | per approfondire | potrebbe
        interessarti | articoli correlati | condividi | commenta | commenti | abbonati | iscriviti | iscriviti
        alla newsletter | seguici | stampa
    """,
    "nl": """
        advertentie | lees ook | lees meer | lees verder | deel dit artikel | delen | volg ons | abonneer | meer
        over dit onderwerp
    """,
    "sv no da": """
        annons | annonse | annonce | läs också | läs även | läs mer | les også | les mer | les mer om | læs også
        | læs mere | dela | del | del artikkelen | dela artikeln | følg oss | följ oss | abonner | saken
        oppdateres | artikkelen fortsetter under annonsen | mer om | relaterte artikler
    """,
    "pl cs": """
        reklama | czytaj także | czytaj też | czytaj również | czytaj więcej | przeczytaj także | zobacz także |
        zobacz też | zobacz również | dalszy ciąg materiału pod wideo | udostępnij | polecamy | może cię
        zainteresować | materiał partnera | čtěte také | čtěte též | přečtěte si také | mohlo by vás zajímat |
        sdílet | diskuse | článek | související články
    """,
    "ru": """
        читайте также | читать также | читайте ещё | читайте еще | смотрите также | смотреть также | по теме |
        материалы по теме | ещё по теме | еще по теме | подробнее | читать далее | читать дальше | реклама | на
        правах рекламы | поделиться | поделиться ссылкой | поделиться в соцсетях | подписаться | подписывайтесь
        на нас | подписывайтесь на наш канал | подписывайтесь на наш телеграм канал | подписывайтесь на наш
        telegram канал | подписаться на рассылку | подпишитесь на нашу рассылку | комментарии | комментировать |
        оставить комментарий | последние новости | главные новости | самое читаемое | новости по теме | версия
        для печати | распечатать | скопировать ссылку | мы используем cookie | принять
    """,
    "uk": """
        читайте також | читати також | дивіться також | дивись також | за темою | матеріали за темою | до теми |
        детальніше | докладніше | читати далі | реклама | поділитися | поділитись | підписатися | підписуйтесь
        на нас | підписуйтесь на наш канал | підписуйтесь на наш telegram канал | підписуйтесь на наш телеграм
        канал | коментарі | останні новини | новини за темою | головні новини | роздрукувати
    """,
    "tr": """
        ayrıca okuyun | ayrıca oku | bunu da okuyun | bunları da okuyun | ilgili haberler | ilgili haber |
        devamını oku | haberin devamı | haberin devamı için tıklayın | reklam | paylaş | yorumlar | yorum yap |
        abone ol | abone olun | bizi takip edin | bültenimize abone olun | e bültenimize abone olun | son dakika
        haberleri | kaynak | etiketler | sıradaki haber
    """,
    "ar": """
        اقرا ایضا | اقرا ایضاً | اقرا المزید | اقرا اکثر | اقرا کذلک | شاهد ایضا | شاهد ایضاً | انظر ایضا | طالع
        ایضا | مواضیع ذات صله | اخبار ذات صله | مقالات ذات صله | ذات صله | اعلان | اعلانات | شارک | مشارکه |
        شارک المقال | شارک هذا المقال | شارک الخبر | اشترک | اشترک الان | اشترک فی نشرتنا البریدیه | اشترک فی
        النشره البریدیه | النشره البریدیه | تابعنا | تابعونا | تابعنا علی | تابعونا علی | تعلیقات | التعلیقات |
        اضف تعلیق | اطبع | طباعه | نسخ الرابط | الاکثر قراءه | المزید | للمزید | مقترحات لک | قد یعجبک ایضا | قد
        یهمک ایضا
    """,
    "fa": """
        بیشتر بخوانید | بیشتر بدانید | همچنین بخوانید | بخوانید | مطالب مرتبط | اخبار مرتبط | خبرهای مرتبط |
        مطلب مرتبط | آگهی | اگهی | تبلیغات | اشتراک گذاری | به اشتراک بگذارید | ارسال به دوستان | نظرات | نظر
        شما | ارسال نظر | دیدگاه ها | عضویت در خبرنامه | خبرنامه | ما را دنبال کنید | پربازدیدترین ها | کپی لینک
        | چاپ | انتهای پیام | ادامه مطلب | برچسب ها
    """,
    "zh ja ko": """
        广告 | 廣告 | 相关阅读 | 相關閱讀 | 相关新闻 | 相關新聞 | 延伸阅读 | 延伸閱讀
        | 推荐阅读 | 推薦閱讀 | 阅读更多 | 閱讀更多 | 分享 | 分享到 | 点击查看 |
        更多新闻 |
        责任编辑 | 返回顶部 | 関連記事 | あわせて読みたい | 続きを読む | シェア |
        シェアする | 広告 | 記事をシェア | 完了しました | おすすめ記事 | 無断転載禁止 |
        관련기사 | 관련
        기사 | 광고 | 공유하기 | 기사 공유 | 더보기 | 많이 본 뉴스 | 구독하기 |
        무단전재 및 재배포 금지
    """,
    "hi id vi el he": """
        यह भी पढ़ें | ये भी पढ़ें | और पढ़ें | विज्ञापन | कॉपी लिंक | baca juga | baca selengkapnya | simak juga
        | lihat juga | iklan | bagikan | xem thêm | đọc thêm | quảng cáo | διαβάστε επίσης | διαβάστε ακόμη |
        διαβάστε ακόμα | δείτε επίσης | διαφήμιση | קראו גם | קרא גם | ראו גם | פרסומת
    """,
}
"""The line is the phrase and nothing else."""

LEAD_IN_LISTS = {
    "en": """
        also see | see also | read also | also read | read more | read next | read | must read | don t miss |
        dont miss | related | related story | related article | related news | related stories | related
        coverage | related video | more on this | more on this story | more on this topic | explore more | see
        more | watch | watch also | also watch | watch more | listen | listen also | recommended | you may also
        like | you might also like | up next | in case you missed it | icymi | read our explainer | further
        reading | suggested read | suggested reading | recommended reading | editor s pick
    """,
    "de": """
        lesen sie auch | lesen sie hier | lesen sie dazu | lesen sie dazu auch | lesen sie mehr | lesen sie
        weiter | lies auch | lies hier | mehr dazu | mehr zum thema | auch interessant | auch lesenswert |
        passend dazu | zum artikel | zum video | zum audio | zum nachlesen
    """,
    "fr": """
        à lire aussi | a lire aussi | lire aussi | à lire également | lire également | à voir aussi | voir aussi
        | lire | à lire | voir
    """,
    "es": """
        lea también | lee también | leer también | lea además | lea más | te puede interesar | le puede
        interesar | ver también | vea también | mira también | también te puede interesar | le recomendamos | te
        recomendamos | más información
    """,
    "pt": """
        leia também | leia mais | leia ainda | veja também | veja mais | saiba mais
    """,
    "it": """
        leggi anche | leggi pure | vedi anche | guarda anche | per approfondire | approfondisci | potrebbe
        interessarti
    """,
    "nl": """
        lees ook | lees meer | bekijk ook | zie ook | luister ook
    """,
    "sv no da": """
        läs också | läs även | läs mer | les også | les mer | se også | læs også | læs mere | se även
    """,
    "pl cs": """
        czytaj także | czytaj też | czytaj również | czytaj więcej | przeczytaj także | przeczytaj też | zobacz
        także | zobacz też | zobacz również | polecamy | čtěte také | čtěte též | čtěte | přečtěte si také |
        přečtěte si
    """,
    "ru": """
        читайте также | читать также | читайте ещё | читайте еще | читайте | читайте по теме | смотрите также |
        смотреть также | по теме | материал по теме | подробнее | ещё по теме | еще по теме | слушайте также
    """,
    "uk": """
        читайте також | читати також | читайте | дивіться також | дивись також | за темою | до теми | детальніше
        | слухайте також
    """,
    "tr": """
        ayrıca okuyun | ayrıca oku | bunu da okuyun | ilgili haber | bunlar da ilginizi çekebilir | ayrıca
        bakınız | ayrıca izleyin
    """,
    "ar": """
        اقرا ایضا | اقرا ایضاً | اقرا المزید | اقرا کذلک | شاهد ایضا | شاهد ایضاً | انظر ایضا | طالع ایضا |
        للمزید | اقرا | قد یهمک | قد یهمک ایضا | قد یعجبک ایضا | موضوع ذو صله
    """,
    "fa": """
        بیشتر بخوانید | همچنین بخوانید | بخوانید | این مطلب را هم بخوانید | مطلب مرتبط | خبر مرتبط | بیشتر
        بدانید | ببینید
    """,
    "zh ja ko": """
        相关阅读 | 相關閱讀 | 延伸阅读 | 延伸閱讀 | 推荐阅读 | 推薦閱讀 | 相关新闻 |
        相關新聞 | 更多阅读 | 関連記事 | あわせて読みたい | 관련기사 | 관련 기사
    """,
    "hi id vi el he": """
        यह भी पढ़ें | ये भी पढ़ें | baca juga | simak juga | lihat juga | xem thêm | đọc thêm | διαβάστε επίσης
        | διαβάστε ακόμη | διαβάστε ακόμα | δείτε επίσης | קראו גם | קרא גם | ראו גם
    """,
}
"""The phrase, a colon or the like, a headline."""

BARE_LEAD_IN_LIST = """
    also see | see also | read also | also read | read more | lesen sie auch | lies auch | à lire aussi | a lire
    aussi | lire aussi | à lire également | lire également | à voir aussi | lea también | lee también | te puede
    interesar | leia também | leia mais | veja também | leggi anche | lees ook | läs också | läs även | les også
    | læs også | czytaj także | czytaj też | czytaj również | czytaj więcej | przeczytaj także | zobacz także |
    čtěte také | přečtěte si také | читайте также | читать также | смотрите также | читайте також | читати також
    | дивіться також | ayrıca okuyun | baca juga | διαβάστε επίσης
"""
"""The phrase and a headline without a colon: only phrases that hardly begin a sentence of an article."""
