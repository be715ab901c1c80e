import configparser, csv, email, html, html.parser, io, plistlib, sys, tomllib, xml.etree.ElementTree as ET, xml.dom.minidom, xml.sax
from email.message import EmailMessage
root = ET.fromstring('<r xmlns:n="urn:x"><a k="1">t&amp;u</a><n:b/>tail<c>é☃</c></r>')
print([(e.tag, e.attrib, e.text, e.tail) for e in root.iter()], root.find("{urn:x}b"), root.findtext("c"), root.findall(".//*[@k='1']"[0:])[0].text)
ET.indent(root); print(ET.tostring(root, encoding="unicode")); print(ET.tostring(root, encoding="us-ascii"))
for bad in ("<a><b></a>", "<a>&nope;</a>", "", '<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>', "<a" + " b='1'" * 2 + "/>"):
    try: print(ET.tostring(ET.fromstring(bad)))
    except ET.ParseError as error: print(error)
print(xml.dom.minidom.parseString("<a><b c='d'>x</b></a>").toprettyxml(indent=" "))
class H(xml.sax.ContentHandler):
    def startElement(self, name, attrs): print("start", name, dict(attrs))
xml.sax.parseString(b"<?xml version='1.0' encoding='iso-8859-1'?><a x='\xe9'><b/></a>", H())
print(html.escape("<a href='x'>&"), html.unescape("&eacute;&#x2603;&notin;&bogus;"))
class P(html.parser.HTMLParser):
    def handle_starttag(self, tag, attrs): print("tag", tag, attrs)
    def handle_data(self, data): print("data", repr(data))
P().feed("<p class=a>Hi &amp; <br/>bye<script>1<2</script>")
m = EmailMessage(); m["From"] = "Ann <a@example.org>"; m["Subject"] = "Grüße aus Zürich"; m.set_content("Text é\n"); m.add_alternative("<p>é</p>", subtype="html"); m.make_mixed(boundary="=-=") if False else None
back = email.message_from_bytes(m.as_bytes(), policy=email.policy.default) if hasattr(email, "policy") else None
import email.policy; back = email.message_from_bytes(m.as_bytes(), policy=email.policy.default); print(back["subject"], back.get_body(("plain",)).get_content(), [p.get_content_type() for p in back.walk()])
c = configparser.ConfigParser(); c.read_string("[DEFAULT]\nbase=/x\n[s]\npath=%(base)s/y\nflag: yes\n[t]\nlist=\n a\n b\n"); print(c["s"]["path"], c.getboolean("s", "flag"), c["t"]["list"].split()); c.write(sys.stdout)
try: c.read_string("[s]\nx\n")
except configparser.Error as error: print(type(error).__name__, error)
print(tomllib.loads('a = 1\n[b."c d"]\ne = 1979-05-27T07:32:00Z\nf = [1.5, "x", {g = true}]\nh = """\nm\n"""'))
try: tomllib.loads("a = \n")
except tomllib.TOMLDecodeError as error: print(error)
out = io.StringIO(); w = csv.writer(out, quoting=csv.QUOTE_NONNUMERIC); w.writerows([["a", 1, 'q"uote'], ["line\nbreak", 2.5, None]]); print(repr(out.getvalue())); print(list(csv.DictReader(io.StringIO("n;v\nx;1\n'a;b';2\n"), delimiter=";", quotechar="'")), csv.Sniffer().sniff("a|b\n1|2\n").delimiter)
print(plistlib.loads(plistlib.dumps({"a": [1, b"x", 2.5]}, fmt=plistlib.FMT_BINARY)))
