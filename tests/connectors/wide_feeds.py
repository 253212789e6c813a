"""A wide set of feeds: every format and most of the ways in which publishers get them wrong. Name → bytes of the file."""

# ruff: noqa: E501 - one line a feed reads best

from __future__ import annotations

XML = "<?xml version='1.0' encoding='utf-8'?>"
ATOM = "http://www.w3.org/2005/Atom"
RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
DC = "xmlns:dc='http://purl.org/dc/elements/1.1/'"
CONTENT = "xmlns:content='http://purl.org/rss/1.0/modules/content/'"
MEDIA = "xmlns:media='http://search.yahoo.com/mrss/'"

DATES = """
Tue, 04 Mar 2031 12:30:45 GMT|Tue, 04 Mar 2031 12:30:45 UT|Tue, 04 Mar 2031 12:30:45 Z|Tue, 04 Mar 2031 15:30:45 +0300
Tue, 04 Mar 2031 07:30:45 EST|Tue, 04 Mar 2031 08:30:45 EDT|Tue, 04 Mar 2031 06:30:45 CST|Tue, 04 Mar 2031 04:30:45 PST
Tue, 4 Mar 2031 12:30:45 GMT|4 Mar 2031 12:30:45 GMT|04 Mar 31 12:30:45 GMT|Tue, 04 Mar 2031 12:30 GMT
Tuesday, 04 March 2031 12:30:45 GMT|Tue, 04 March 2031 12:30:45 +0000|tue, 04 mar 2031 12:30:45 gmt
Tue,  04  Mar  2031  12:30:45  GMT|Tue, 04 Mar 2031 18:00:45 +0530|Tue, 04 Mar 2031 03:00:45 -0930|Tue, 04 Mar 2031 12:30:45 -0000
2031-03-04T12:30:45Z|2031-03-04T15:30:45+03:00|2031-03-04T12:30:45.678Z|2031-03-04T12:30:45.678901+00:00|2031-03-04T12:30Z
2031-03-04T15:30:45+0300|2031-03-04 12:30:45|2031-03-04T12:30:45|2031-03-04 15:30:45+03:00|2031-03-04 12:30:45Z
2031-03-04T07:30:45-05:00|2031-03-04T23:59:59Z|2031-03-05T00:00:00Z|2031-02-28T23:30:00-01:00|2032-02-29T00:00:00Z
20310304T123045Z|2031-03-04|2031/03/04 12:30:45|04 Mar 2031|March 4, 2031|4 March 2031 12:30
Tue Mar  4 12:30:45 2031|Tue Mar 04 12:30:45 GMT 2031|Tue, 04 Mar 2031 12:30:45 MSK|Tue, 04 Mar 2031 14:30:45 EET
04.03.2031 12:30|2031-03-04T12:30:45 +0300|Tue, 32 Mar 2031 12:30:45 GMT|2031-13-04T12:30:45Z|yesterday|0000-00-00 00:00:00|-
Tue, 04 Mar 2031 25:30:45 GMT|1930000000|Thu, 01 Jan 1970 00:00:00 GMT|Tue, 04 Mar 2031 12:30:45 +9999|٤ مارس ٢٠٣١|12:30
""".replace("\n", "|")
DATE_SHAPES = tuple(shape for shape in DATES.split("|") if shape)


def rss(inner: str, *, version: str = "2.0", more: str = "", head: str = "") -> str:
    return f"{XML}{head}<rss version='{version}' {more}><channel><title>Channel</title><link>https://w.example/</link>{inner}</channel></rss>"


def item(inner: str) -> str:
    return f"<item>{inner}</item>"


def atom(inner: str, more: str = "") -> str:
    return f"{XML}<feed xmlns='{ATOM}' {more}><title>Feed</title><id>urn:feed</id>{inner}</feed>"


def entry(inner: str, more: str = "") -> str:
    return f"<entry {more}><id>urn:1</id><title>Entry</title><link href='https://w.example/1'/>{inner}</entry>"


PLAIN = item(
    "<title>Bridge opens</title><link>https://w.example/1</link><guid>https://w.example/1</guid>"
    "<pubDate>Tue, 04 Mar 2031 12:30:45 GMT</pubDate><description>It opened.</description><author>ann@w.example (Ann Lee)</author>"
)

TEXTS: dict[str, str] = {
    "rss 0.90": f"{XML}<rdf:RDF xmlns:rdf='{RDF}' xmlns='http://my.netscape.com/rdf/simple/0.9/'><channel><title>C</title></channel>"
    "<item><title>One</title><link>https://w.example/1</link></item></rdf:RDF>",
    "rss 0.91 userland": rss(PLAIN, version="0.91"),
    "rss 0.91 netscape": rss(PLAIN, version="0.91", head="\n<!DOCTYPE rss PUBLIC '-//Netscape Communications//DTD RSS 0.91//EN' 'x.dtd'>"),
    "rss 0.92": rss(PLAIN, version="0.92"),
    "rss 0.93": rss(item("<title>x</title><pubDate>04 Mar 2031 12:30:45 GMT</pubDate>"), version="0.93"),
    "rss 0.94": rss(item("<title>x</title><link>https://w.example/4</link>"), version="0.94"),
    "rss 1.0": f"{XML}<rdf:RDF xmlns:rdf='{RDF}' xmlns='http://purl.org/rss/1.0/' {DC}><channel rdf:about='https://w.example/'><title>C"
    "</title></channel><item rdf:about='https://w.example/1'><title>One</title><link>https://w.example/1</link>"
    "<dc:creator>Ann Lee</dc:creator><dc:date>2031-03-04T12:30:45+03:00</dc:date></item></rdf:RDF>",
    "rss 2.0": rss(PLAIN + item("<title>Two</title><link>https://w.example/2</link>")),
    "rss without a version": f"{XML}<rss><channel><title>C</title>{PLAIN}</channel></rss>",
    "atom 0.3": f"{XML}<feed version='0.3' xmlns='http://purl.org/atom/ns#'><title>F</title><entry><title>One</title>"
    "<link rel='alternate' href='https://w.example/1'/><id>tag:w.example,2031:1</id><issued>2031-03-04T12:30:45Z</issued>"
    "<modified>2031-03-05T12:30:45Z</modified><author><name>Ann</name></author></entry></feed>",
    "atom 1.0": atom(entry("<published>2031-03-04T12:30:45Z</published><updated>2031-03-05T00:00:00Z</updated>"
                           "<author><name>Ann Lee</name><email>ann@w.example</email></author>")),
    "atom with prefixes": f"{XML}<a:feed xmlns:a='{ATOM}'><a:entry><a:id>1</a:id><a:title>P</a:title><a:link href='https://w.example/p'/>"
    "</a:entry></a:feed>",
    "atom, several links": atom("<entry><id>2</id><title>L</title><link rel='self' href='/s'/><link rel='enclosure' href='/e.mp3'/>"
                                "<link rel='alternate' type='text/html' href='https://w.example/a'/></entry>"),
    "atom, titles of three types": atom(
        "<entry><id>1</id><title type='text'>1 &lt; 2 &amp; 3</title></entry><entry><id>2</id><title type='html'>&lt;b&gt;Bold&lt;/b&gt;"
        " &amp;amp; more</title></entry><entry><id>3</id><title type='xhtml'><div xmlns='http://www.w3.org/1999/xhtml'>An <i>x</i></div>"
        "</title></entry>"),
    "atom, xml:base and relative links": atom(
        "<entry xml:base='2031/'><id>1</id><title>B</title><link href='a.html'/></entry>"
        "<entry><id>2</id><title>C</title><link href='/c'/></entry>", "xml:base='https://b.example/news/'"),
    "atom, no link": atom("<entry><id>urn:x</id><title>N</title><summary>s</summary></entry>"),
    "atom, two authors and a contributor": atom(entry(
        "<author><name>A</name></author><author><name>B</name></author><contributor><name>C</name></contributor>")),
    "atom, author of the feed": atom("<author><name>Desk</name></author>" + entry("")),
    "atom, content out of line": atom(entry("<content type='text/html' src='https://w.example/c'/>")),
    "relative links without a base": rss(item("<title>R</title><link>/news/1</link><guid isPermaLink='false'>1</guid>")),
    "xml:base in rss": rss(item("<title>R</title><link>news/1</link>"), more="xml:base='https://b.example/x/'"),
    "no guid": rss(item("<title>N</title><link>https://w.example/n</link>")),
    "guid is the link": rss(item("<title>G</title><guid>https://w.example/g</guid>")),
    "guid is no link": rss(item("<title>G</title><guid isPermaLink='false'>4711</guid>")),
    "guid without a word about it": rss(item("<title>G</title><guid>4711</guid>")),
    "guids that are the same": rss(item("<title>1</title><guid>s</guid>") + item("<title>2</title><guid>s</guid>")),
    "neither guid nor link": rss(item("<title>T</title><description>d</description>")),
    "nothing in it": rss(item("")),
    "no items": rss(""),
    "cdata": rss(item("<title><![CDATA[A & B <c>]]></title><link><![CDATA[https://w.example/?a=1&b=2]]></link>"
                      "<description><![CDATA[<p>Text &amp; more</p>]]></description>")),
    "html entities, declared": rss(item("<title>Caf&eacute; &mdash; d&ouml;ner</title>"), head="<!DOCTYPE rss [<!ENTITY eacute '&#233;'>]>"),
    "html entities, undeclared": rss(item("<title>Caf&eacute; &mdash; d&ouml;ner &nbsp;x</title>")),
    "numeric references": rss(item("<title>&#1052;&#x43e;&#1089;&#1090; &#8212; &#x1F6A2;</title>")),
    "escaped twice": rss(item("<title>A &amp;amp; B &amp;lt;i&amp;gt;</title><description>&amp;lt;p&amp;gt;</description>")),
    "markup in titles": rss(item("<title>&lt;b&gt;Urgent&lt;/b&gt;: talks</title>") + item("<title>1 &lt; 2</title>")),
    "scripts in text": rss(item("<title>S</title><description>&lt;script&gt;x&lt;/script&gt;&lt;p onclick='y'&gt;T&lt;/p&gt;</description>")),
    "dublin core": rss(item("<title>D</title><dc:creator>Ann Lee</dc:creator><dc:date>2031-03-04</dc:date>"
                            "<dc:identifier>x1</dc:identifier>"), more=DC),
    "several creators": rss(item("<title>D</title><dc:creator>A</dc:creator><dc:creator>B</dc:creator>"), more=DC),
    "authors in shapes": rss("".join(item(f"<title>{n}</title><author>{who}</author>") for n, who in enumerate(
        ["Ann Lee", "ann@w.example", "ann@w.example (Ann Lee)", "Ann Lee &lt;ann@w.example&gt;", "(Ann)", " ", "A, B and C"]))),
    "content:encoded": rss(item("<title>C</title><description>short</description><content:encoded><![CDATA[<p>long</p>]]>"
                                "</content:encoded>"), more=CONTENT),
    "media": rss(item("<title>M</title><media:title>Picture</media:title><media:content url='https://w.example/p.jpg'><media:title>In"
                      "</media:title><media:description>d</media:description></media:content><media:credit>Bob</media:credit>"), more=MEDIA),
    "itunes": rss(item("<title>P</title><itunes:author>Ann</itunes:author><itunes:title>Other</itunes:title><enclosure url='/a.mp3' "
                       "length='1' type='audio/mpeg'/>"), more="xmlns:itunes='http://www.itunes.com/dtds/podcast-1.0.dtd'"),
    "an odd namespace with our names": rss(item("<title>Right</title><x:title>Wrong</x:title><x:link>https://no.example/</x:link>"),
                                           more="xmlns:x='https://x.example/ns'"),
    "an undeclared prefix": rss(item("<title>U</title><foo:bar>x</foo:bar><link>https://w.example/u</link>")),
    "feedburner": rss(item("<title>F</title><link>https://fb.example/~r/1</link><feedburner:origLink>https://w.example/o"
                           "</feedburner:origLink>"), more="xmlns:feedburner='http://rssnamespace.org/feedburner/ext/1.0'"),
    "atom link in rss": rss("<atom:link rel='self' href='https://w.example/rss'/>" + item(
        "<title>A</title><atom:link href='https://w.example/alt'/>"), more=f"xmlns:atom='{ATOM}'"),
    "source and comments": rss(item("<title>S</title><source url='https://o.example/rss'>Other</source><comments>https://w.example/c"
                                    "</comments>")),
    "an ampersand left bare": rss(item("<title>Black & white</title><link>https://w.example/?a=1&b=2</link>")),
    "an element not closed": rss("<item><title>First</title><link>https://w.example/1</link><item><title>Second</title></item>"),
    "cut off in the middle": rss(PLAIN + item("<title>Two</title>"))[:-60],
    "rubbish behind the end": rss(PLAIN) + "<!-- served in 3 ms --><script>x()</script>",
    "blank before the declaration": "\n\n  " + rss(PLAIN),
    "a stylesheet and comments": rss(PLAIN, head="<?xml-stylesheet href='x.css'?><!-- <item/> -->"),
    "upper case": "<RSS VERSION='2.0'><CHANNEL><TITLE>C</TITLE><ITEM><TITLE>Up</TITLE><LINK>https://w.example/u</LINK></ITEM></CHANNEL></RSS>",
    "white space everywhere": rss(item("<title>\n  Spread\n   out  </title><link>\n https://w.example/s \n</link><guid> 7 </guid>")),
    "right to left": rss(item("<title>قال الوزير إن المحادثات ستستمر</title><link>https://w.example/ع</link>")),
    "emoji and joiners": rss(item("<title>👩‍👩‍👧 می‌خواهم</title>")),
    "channel tags behind the items": f"{XML}<rss version='2.0'><channel>{PLAIN}<title>Late</title></channel></rss>",
    "two channels": f"{XML}<rss version='2.0'><channel>{PLAIN}</channel><channel>{item('<title>Other</title>')}</channel></rss>",
    "dates in fifty shapes": rss("".join(item(f"<title>{n}</title><pubDate>{shape}</pubDate>") for n, shape in enumerate(DATE_SHAPES))),
    "atom dates in fifty shapes": atom("".join(
        f"<entry><id>{n}</id><title>{n}</title><published>{shape}</published><updated>{shape}</updated></entry>"
        for n, shape in enumerate(DATE_SHAPES))),
    "updated only": atom(entry("<updated>2031-03-04T12:30:45Z</updated>")),
    "cdf": f"{XML}<CHANNEL HREF='https://w.example/'><ITEM HREF='https://w.example/1'><TITLE>One</TITLE></ITEM></CHANNEL>",
}  # fmt: skip

CYRILLIC = rss(
    item("<title>Переговоры будут продолжены, хотя дата встречи не назначена</title><link>https://w.example/1</link>")
)
FILES: dict[str, bytes] = {name: text.encode() for name, text in TEXTS.items()} | {
    "utf-8 with a mark": b"\xef\xbb\xbf" + TEXTS["rss 2.0"].encode(),
    "utf-16 with a mark": CYRILLIC.replace("utf-8", "utf-16").encode("utf-16"),
    "utf-16 big-endian with a mark": b"\xfe\xff" + CYRILLIC.replace("utf-8", "utf-16").encode("utf-16-be"),
    "windows-1251, declared": CYRILLIC.replace("utf-8", "windows-1251").encode("cp1251"),
    "koi8-r, declared": CYRILLIC.replace("utf-8", "koi8-r").encode("koi8-r"),
    "gb2312, declared": rss(item("<title>谈判将继续</title>")).replace("utf-8", "gb2312").encode("gb2312"),
    "latin-1, declared": rss(item("<title>Café über</title>")).replace("utf-8", "iso-8859-1").encode("latin-1"),
    "utf-8, declared twice over": CYRILLIC.replace("utf-8", "UTF8").encode(),
    "no declaration": CYRILLIC.removeprefix(XML).encode(),
}

BETTER: dict[str, tuple[bytes, str]] = {
    "windows-1251 called utf-8": (
        CYRILLIC.encode("cp1251"),
        "Переговоры будут продолжены, хотя дата встречи не назначена",
    ),
    "utf-8 called windows-1251": (
        CYRILLIC.replace("utf-8", "windows-1251").encode(),
        "Переговоры будут продолжены, хотя дата встречи не назначена",
    ),
    "windows-1251 called nothing": (
        CYRILLIC.removeprefix(XML).encode("cp1251"),
        "Переговоры будут продолжены, хотя дата встречи не назначена",
    ),
}
"""Where feedparser believes a label that lies, and we don't: file → the title of its item as it was written."""

UNUSABLE: dict[str, bytes] = {
    "empty": b"",
    "plain text": b"Not found",
    "html": b"<!DOCTYPE html><html><head><title>Log in</title></head></html>",
    "other xml": b"<?xml version='1.0'?><soap><body>no</body></soap>",
    "json": b'{"error": true}',
    "broken json": b'{"version": "https://jsonfeed.org/version/1.1", "items": [',
    "opml": b"<opml version='2.0'><body/></opml>",
    "image": b"\x89PNG\r\n\x1a\n0000",
    "broken gzip": b"\x1f\x8b\x08\x00\x00\x00",
    "cut short": b"<rss version='2.0'><channel><title>C</ti",
    "nulls": b"\0" * 100,
}
