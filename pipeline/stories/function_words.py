"""Words that say nothing about the event: function words and a few verbs of every report, by language, case-folded.

Frequencies of the window find such words too, but only once the window holds articles; these hold from the first one.
Arabic and Persian are in the folded spelling of ``terms``.
"""

from __future__ import annotations

_LISTS = {
    "en": "a an the and or but nor of in on at by to from for with without as into onto over under about after before "
    "between during through against is are was were be been being am do does did done has have had having will would "
    "can could may might shall should must not no yes it its he him his she her hers they them their we us our you your "
    "i me my this that these those there here who whom whose which what when where why how if then than so such also "
    "more most much many some any all both each few other another one two three first last new said says say told tells "
    "according just only own same very up down out off again while because since until now still",
    "de": "der die das den dem des ein eine einen einem einer eines und oder aber denn weil dass daß ob wenn als wie in im an "
    "am auf aus bei beim mit nach seit von vom vor zu zum zur über unter um für gegen ohne durch bis zwischen während "
    "ist sind war waren sein bin hat haben hatte hatten wird werden wurde wurden worden kann können konnte soll sollen "
    "sollte muss müssen musste will wollen wollte darf nicht kein keine keinen auch nur noch schon sehr mehr so er sie "
    "es ihn ihm ihr ihre ihren ihrem ihrer sein seine seinen seinem seiner wir uns unser man sich dies diese dieser "
    "dieses dieser diesem diesen hier dort da nun dann sagte sagt laut eins zwei drei neue neuen",
    "fr": "le la les l un une des du de d et ou mais donc or ni car à au aux en dans par pour sur sous avec sans entre vers "
    "chez contre après avant pendant depuis est sont était étaient être été a ont avait avaient avoir eu sera seront "
    "peut peuvent doit ne n pas plus moins très aussi ce c cet cette ces ceux celui celle il ils elle elles on nous vous "
    "je j tu me m te se s son sa ses leur leurs notre nos qui que qu quoi dont où quand comme si tout tous toute toutes "
    "même autre autres deux trois selon dit indiqué",
    "es": "el la los las lo un una unos unas de del y e o u pero ni que en a al por para con sin sobre entre hacia desde "
    "hasta contra tras durante es son era eran ser sido fue fueron está están estaba ha han había haber hay será puede "
    "pueden debe no sí más menos muy también ya se su sus le les me mi te tu nos este esta estos estas ese esa eso aquel "
    "él ella ellos quien cual cuando donde como si todo todos toda todas otro otra dos tres según dijo",
    "it": "il lo la i gli le un uno una di del dello della dei degli delle a al allo alla ai agli alle da dal dalla in nel "
    "nella nei con su sul sulla per tra fra e ed o ma che chi cui non è sono era erano essere stato stata ha hanno aveva "
    "più anche si suo sua suoi loro questo questa quello come quando dove se due tre secondo detto",
    "pt": "o a os as um uma de do da dos das e ou mas que em no na nos nas por pelo pela para com sem sobre entre é são era "
    "foi foram ser sido está estão tem têm não mais também se seu sua seus ele ela eles este esta isso como quando dois",
    "nl": "de het een en of maar van in op aan bij met naar uit voor tegen over door om te is zijn was waren heeft hebben had "
    "wordt werd worden niet geen ook nog al er die dat dit deze hij zij ze we wij hun haar als dan zei twee",
    "ru": "и в во не на с со что как а но или по к ко у из за от до для о об при без под над про через между после перед во "
    "время это этот эта эти этого тот та те того он она оно они его её ее их ему ей им мы нас нам вы я мне себя свой "
    "своей свои был была было были быть будет будут есть нет так же же бы ли уже еще ещё только также более менее очень "
    "который которая которые которого где когда если то чтобы все всех всё один два три сообщил сообщила сообщили "
    "заявил заявила заявили сказал сказала словам данным года году",
    "uk": "і й та в у не на з із зі що як а але або по до від за для про при без під над через між після перед це цей ця ці "
    "той та ті він вона воно вони його її їх ми ви я себе свій був була було були бути буде будуть є так же б би чи вже "
    "ще лише також більше який яка які де коли якщо то щоб усі всіх два три повідомив повідомила заявив року",
    "ar": "فی من الی علی عن مع بعد قبل عند بین خلال منذ حتی حول ضد او و ثم ان انه انها لن لم لا ما قد هذا هذه ذلک تلک الذی "
    "التی الذین کان کانت یکون تکون هو هی هم کل بعض غیر کما لکن اذا قال قالت واضاف اضاف وقال وقالت اکد اکدت یوم الیوم امس",
    "fa": "در از به با را که و یا این ان برای بر تا هم نیز است بود شد شده می کرد کرده کند شود باید خود وی او انها ما هر یک "
    "دو سه بین پس پیش گفت اما اگر روز",
    "tr": "ve ile bir bu şu o da de ki için gibi kadar daha en çok ama fakat veya ya ne mi mı mu mü olan olarak oldu olduğu "
    "olduğunu edildi etti ettiği eden var yok her sonra önce göre iki üç dedi söyledi açıkladı belirtti ise tarafından",
    "zh": "周一 周二 周三 周四 周五 周六 周日 星期 今天 昨天 明天 昨日 今日 上午 下午 晚上 凌晨 中午 目前 "
    "截至 记者 報道 报道 消息 表示 指出 认为 強調 强调 宣布 介绍 称将 可能 已经 没有 进行 以及 通过 由于 "
    "因为 如果 这个 我们 他们 其中 造成 发生 举行 附近 超过 左右",
    "pl": "i w we z ze na do od po za o u nie jest są był była było były być to ten ta te że się jak który która które dla "
    "przez przy bez oraz lub ale także już jego jej ich dwa trzy",
}

FUNCTION_WORDS = frozenset(word for listed in _LISTS.values() for word in listed.split())

FUNCTION_WORDS_UNSPACED = "的了在是和与與于於将將被已也就都而及或其这這那说說称稱对對从從为為至者等个個之以并並还還又"
"""Characters that alone are grammar: a pair with one of them lies across two words."""
