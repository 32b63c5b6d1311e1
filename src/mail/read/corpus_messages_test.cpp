// Handwritten messages in the style of well-known senders, and unusual and malformed ones; see
// test_messages.hpp. Contains no tests.
#include <algorithm>

#include "base/text.hpp"
#include "mail/read/test_messages.hpp"

namespace postroad::mail {

namespace {

using namespace std::string_view_literals;

constexpr std::string_view front =
    "Received: from out.example (out.example [192.0.2.1])\r\n\tby mx.example with ESMTPS id 1;\r\n"
    "\tTue, 7 Jul 2026 09:05:00 +0000 (UTC)\r\nFrom: =?utf-8?Q?J=C3=B6rg?= <a@x.example>\r\n"
    "To: \"Doe, J.\" <b@y.example>\r\nDate: Tue, 7 Jul 2026 09:05:00 +0000\r\n"
    "Message-ID: <1@x.example>\r\nMIME-Version: 1.0\r\n";

std::string mail(std::string_view rest) { return std::string(front) + std::string(rest); }

std::string repeated(std::string_view text, std::size_t times) {
  std::string out;
  for (std::size_t i = 0; i < times; ++i) out += text;
  return out;
}

void add_usual(std::vector<NamedMessage>& list) {
  list.emplace_back("plain", mail("Subject: hi\r\n\r\nHello.\r\n-- \r\nJ.\r\n"));
  list.emplace_back(
      "newsletter",
      mail("Subject: =?UTF-8?B?8J+OiSBTYWxl?=\r\nList-Unsubscribe: <https://n.example/u?x=1>,\r\n"
           " <mailto:u@n.example>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
           "Precedence: bulk\r\nContent-Type: multipart/alternative;\r\n"
           "\tboundary=\"----=_Part_123_456.789\"\r\n\r\nThis is a multi-part message.\r\n\r\n"
           "------=_Part_123_456.789\r\nContent-Type: text/plain; charset=UTF-8\r\n"
           "Content-Transfer-Encoding: quoted-printable\r\n\r\nSale! 50=C2=A0% off until Fri=\r\n"
           "day =E2=80=94 really.\r\n------=_Part_123_456.789\r\n"
           "Content-Type: text/html; charset=UTF-8\r\nContent-Transfer-Encoding: "
           "quoted-printable\r\n\r\n<p style=3D\"x\">Sale!</p>\r\n"
           "------=_Part_123_456.789--\r\n"));
  list.emplace_back(
      "pictures in html",
      mail("Content-Type: multipart/mixed; boundary=\"m\"\r\n\r\n--m\r\n"
           "Content-Type: multipart/alternative; boundary=\"a\"\r\n\r\n--a\r\n\r\ntext\r\n--a\r\n"
           "Content-Type: multipart/related; boundary=\"r\"; type=\"text/html\"\r\n\r\n--r\r\n"
           "Content-Type: text/html; charset=iso-8859-1\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
           "<img src=\"cid:p@x\"> gr\xfcn\r\n--r\r\nContent-Type: image/gif; name=p.gif\r\n"
           "Content-ID: <p@x>\r\nContent-Transfer-Encoding: base64\r\n\r\nR0lGODlhAQABAAAAACw=\r\n"
           "--r--\r\n\r\n--a--\r\n\r\n--m\r\nContent-Type: application/pdf; name=\"=?utf-8?q?"
           "=C3=BC.pdf?=\"\r\nContent-Disposition: attachment;\r\n filename*0*=utf-8''%C3%BC;\r\n"
           " filename*1=\".pdf\"\r\nContent-Transfer-Encoding: base64\r\n\r\nJVBERi0xLjQK\r\n"
           "--m--\r\n"));
  list.emplace_back(
      "winmail",
      mail("X-MS-Has-Attach: yes\r\nX-MS-TNEF-Correlator: <2@x.example>\r\n"
           "Content-Type: multipart/mixed;\r\n\tboundary=\"_002_ABCxexample_\"\r\n\r\n"
           "--_002_ABCxexample_\r\nContent-Type: text/plain; charset=\"us-ascii\"\r\n"
           "Content-Transfer-Encoding: quoted-printable\r\n\r\nSee attached=2E\r\n\r\n"
           "--_002_ABCxexample_\r\nContent-Disposition: attachment; filename=\"winmail.dat\"\r\n"
           "Content-Transfer-Encoding: base64\r\nContent-Type: application/ms-tnef; "
           "name=\"winmail.dat\"\r\n\r\neJ8+IgABAAgAAQABkAgABAAAAAAA\r\n\r\n"
           "--_002_ABCxexample_--\r\n"));
  list.emplace_back(
      "list mail",
      mail("Subject: [l] Re: x\r\nList-Id: L <l.x.example>\r\nIn-Reply-To: <0@x.example>\r\n"
           "References: <a@b>\r\n\t<0@x.example>\r\nContent-Type: multipart/mixed; "
           "boundary=\"===============0123456789==\"\r\n\r\n--===============0123456789==\r\n"
           "Content-Type: text/plain; format=flowed\r\n\r\nA long \r\nline.\r\n> quoted\r\n\r\n"
           "--===============0123456789==\r\nContent-Type: text/plain; charset=\"us-ascii\"\r\n"
           "MIME-Version: 1.0\r\nContent-Transfer-Encoding: 7bit\r\nContent-Disposition: inline\r\n"
           "\r\n_____\r\nfooter\r\n--===============0123456789==--\r\n"));
  list.emplace_back(
      "invitation",
      mail("Content-Type: multipart/alternative; boundary=000000000000a1\r\n\r\n"
           "--000000000000a1\r\nContent-Type: text/plain; charset=\"UTF-8\"; format=flowed; "
           "delsp=yes\r\nContent-Transfer-Encoding: base64\r\n\r\nWW91IGFyZSBpbnZpdGVk\r\n"
           "--000000000000a1\r\nContent-Type: text/calendar; charset=\"UTF-8\"; method=REQUEST\r\n"
           "Content-Transfer-Encoding: 7bit\r\n\r\nBEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\n"
           "END:VCALENDAR\r\n--000000000000a1--\r\n"));
}

void add_secured(std::vector<NamedMessage>& list) {
  list.emplace_back(
      "s/mime signed",
      mail("Content-Type: multipart/signed; protocol=\"application/pkcs7-signature\"; "
           "micalg=sha-256; boundary=\"s\"\r\n\r\nThis is a signed message\r\n\r\n--s\r\n"
           "Content-Type: text/plain\r\n\r\nsigned  \r\n\r\n--s\r\n"
           "Content-Type: application/pkcs7-signature; name=smime.p7s\r\n"
           "Content-Transfer-Encoding: base64\r\nContent-Disposition: attachment; "
           "filename=smime.p7s\r\n\r\nMIIF\r\n--s--\r\n"));
  list.emplace_back(
      "s/mime closed",
      mail("Content-Type: application/pkcs7-mime; smime-type=enveloped-data;\r\n"
           " name=\"smime.p7m\"\r\nContent-Transfer-Encoding: base64\r\n"
           "Content-Disposition: attachment; filename=smime.p7m\r\n\r\nMIIC/w==\r\n"));
  list.emplace_back(
      "pgp closed",
      mail("Content-Type: multipart/encrypted; protocol=\"application/pgp-encrypted\";\r\n"
           " boundary=\"e\"\r\n\r\n--e\r\nContent-Type: application/pgp-encrypted\r\n\r\n"
           "Version: 1\r\n\r\n--e\r\nContent-Type: application/octet-stream\r\n\r\n"
           "-----BEGIN PGP MESSAGE-----\r\n\r\nhQEM\r\n=abcd\r\n-----END PGP MESSAGE-----\r\n\r\n"
           "--e--\r\n"));
  list.emplace_back("pgp in the text",
                    mail("\r\n-----BEGIN PGP SIGNED MESSAGE-----\r\nHash: SHA256\r\n\r\n- --b\r\n"
                         "-----BEGIN PGP SIGNATURE-----\r\n\r\niQ==\r\n-----END PGP SIGNATURE-----"
                         "\r\n"));
}

void add_reports(std::vector<NamedMessage>& list) {
  list.emplace_back(
      "bounce",
      mail("Auto-Submitted: auto-replied\r\nContent-Type: multipart/report; "
           "report-type=delivery-status;\r\n\tboundary=\"1A2B.1/mx.example\"\r\n\r\n"
           "This is a MIME-encapsulated message.\r\n\r\n--1A2B.1/mx.example\r\n"
           "Content-Description: Notification\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n"
           "<b@y.example>: no such user\r\n\r\n--1A2B.1/mx.example\r\n"
           "Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example\r\n\r\n"
           "Final-Recipient: rfc822; b@y.example\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n"
           "--1A2B.1/mx.example\r\nContent-Type: message/rfc822\r\n\r\nFrom: a@x.example\r\n"
           "Subject: was it\r\n\r\nbody\r\n\r\n--1A2B.1/mx.example--\r\n"));
  list.emplace_back(
      "complaint",
      mail("Content-Type: multipart/report; report-type=feedback-report; boundary=f\r\n\r\n--f\r\n"
           "\r\na complaint\r\n--f\r\nContent-Type: message/feedback-report\r\n\r\n"
           "Feedback-Type: abuse\r\nVersion: 1\r\n--f\r\nContent-Type: text/rfc822-headers\r\n\r\n"
           "From: a@x.example\r\n--f--\r\n"));
  list.emplace_back(
      "forwarded in forwarded",
      mail("Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\nContent-Type: "
           "message/rfc822\r\n\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
           "Content-Type: message/rfc822\r\nContent-Disposition: attachment\r\n\r\n"
           "Content-Type: text/html\r\n\r\n<p>\r\n--b--\r\n--a--\r\n"));
  list.emplace_back(
      "digest",
      mail("Content-Type: multipart/digest; boundary=d\r\n\r\n--d\r\n\r\nFrom: a@x\r\n\r\n"
           "one\r\n--d\r\nContent-Type: message/rfc822\r\n\r\nFrom: b@x\r\n\r\ntwo\r\n"
           "--d--\r\n"));
}

void add_wrong_charsets(std::vector<NamedMessage>& list) {
  list.emplace_back("8bit undeclared", mail("\r\nGr\xfc\xdf\x65\r\n"));
  list.emplace_back("utf-8 undeclared", mail("\r\nGr\xc3\xbc\xc3\x9f\x65\r\n"));
  for (const std::string_view charset : {"utf-8",       "us-ascii",
                                         "iso-8859-1",  "windows-1252",
                                         "koi8-r",      "shift_jis",
                                         "iso-2022-jp", "gb2312",
                                         "big5",        "euc-kr",
                                         "utf-16",      "utf-16le",
                                         "utf-7",       "unicode-1-1-utf-7",
                                         "utf8mb4",     "x-unknown",
                                         "\"\"",        "ansi_x3.4-1968",
                                         "//TRANSLIT",  "latin1//IGNORE"}) {
    list.emplace_back("bytes as " + std::string(charset),
                      mail("Content-Type: text/plain; charset=" + std::string(charset) +
                           "\r\nContent-Transfer-Encoding: 8bit\r\n\r\na\xfc\xff\xe2\x82\r\n"
                           "\x1b$B%\x1b(B +AGE- \x80\x81\r\n"));
  }
  list.emplace_back("8bit header", mail("Subject: Gr\xfc\xdf\x65\r\nX-A: Gr\xc3\xbc\r\n\r\nx\r\n"));
  list.emplace_back("broken words",
                    mail("Subject: =?utf-8?q?=C3?= =?utf-8?q?=BC?= =?utf-8?b?w7?= =?x?q?y?= =?\r\n"
                         "X-A: =?utf-8*de?Q?a_b=?= =?utf-8?q?=0D=0ABcc:_x?=\r\n\r\nx\r\n"));
}

void add_wrong_encodings(std::vector<NamedMessage>& list) {
  const auto encoded = [](std::string_view encoding, std::string_view body) {
    return mail("Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: " +
                std::string(encoding) + "\r\n\r\n" + std::string(body));
  };
  list.emplace_back("base64 garbage", encoded("base64", "!!!!\xff====A=B\r\nQUJD*\r\n\x00"));
  list.emplace_back("base64 cut", encoded("base64", "QUJDR"));
  list.emplace_back("base64 on one line", encoded("base64", repeated("QUJD", 1000)));
  list.emplace_back("base64 with a footer", encoded("base64", "QUJD\r\n\r\n____\r\nfooter\r\n"));
  list.emplace_back("quoted-printable garbage",
                    encoded("quoted-printable", "=\r\n=G0=4=\r\n==3D=="));
  list.emplace_back("quoted-printable cut", encoded("Quoted-Printable (x)", "abc=C3"));
  list.emplace_back("uuencode", encoded("x-uuencode", "begin 644 a\r\n#86)C\r\nend\r\n"));
  list.emplace_back("long line", encoded("7bit", std::string(5000, 'x') + "\r\n"));
  list.emplace_back("NULs", encoded("8bit", std::string("a\0b\r\n\0\0\r\n"sv)));
  list.emplace_back("encoded multipart",
                    mail("Content-Type: multipart/mixed; boundary=b\r\nContent-Transfer-Encoding: "
                         "base64\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n"));
  list.emplace_back("encoded message",
                    mail("Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n"
                         "RnJvbTogYUB4DQoNCng=\r\n"));
}

void add_wrong_boundaries(std::vector<NamedMessage>& list) {
  const auto with = [](std::string_view boundary, std::string_view body) {
    return mail("Content-Type: multipart/mixed" + std::string(boundary) + "\r\n\r\n" +
                std::string(body));
  };
  const std::string_view parts = "--b\r\n\r\none\r\n--b\r\n\r\ntwo\r\n--b--\r\n";
  list.emplace_back("no boundary", with("", parts));
  list.emplace_back("empty boundary", with("; boundary=\"\"", "--\r\n\r\nx\r\n----\r\n"));
  list.emplace_back("another boundary", with("; boundary=c", parts));
  list.emplace_back("boundary with spaces",
                    with("; boundary=\"b b \"", "--b b \r\n\r\nx\r\n--b b --"));
  list.emplace_back("boundary of 2000", with("; boundary=" + std::string(2000, 'b'),
                                             "--" + std::string(2000, 'b') + "\r\n\r\nx\r\n"));
  list.emplace_back("boundary in a comment", with(" (c); (d) boundary=(e) b (f)", parts));
  list.emplace_back("boundary in RFC 2231", with("; boundary*=utf-8''b", parts));
  list.emplace_back("two boundaries", with("; boundary=b; boundary=c", parts));
  list.emplace_back("not closed", with("; boundary=b", "--b\r\n\r\none\r\n--b\r\n\r\ntwo\r\n"));
  list.emplace_back("closed at once", with("; boundary=b", "--b--\r\n--b\r\n\r\nx\r\n"));
  list.emplace_back("closed twice", with("; boundary=b", "--b\r\n\r\nx\r\n--b--\r\n--b--\r\n"));
  list.emplace_back("empty parts", with("; boundary=b", "--b\r\n--b\r\n\r\n--b\r\n\r\n\r\n--b--"));
  list.emplace_back("same boundary below",
                    with("; boundary=b",
                         "--b\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
                         "--b\r\n\r\nx\r\n--b--\r\n--b--\r\n"));
  list.emplace_back("boundary that begins another",
                    with("; boundary=b",
                         "--b\r\nContent-Type: multipart/mixed; boundary=bb\r\n\r\n"
                         "--bb\r\n\r\nx\r\n--bb--\r\n--b--\r\n"));
  list.emplace_back("no empty line before the first part",
                    mail("Content-Type: multipart/mixed; boundary=b\r\n") + std::string(parts));
  list.emplace_back("type twice", mail("Content-Type: text/html\r\nContent-Type: multipart/mixed; "
                                       "boundary=b\r\n\r\n") +
                                      std::string(parts));
}

void add_odd_bytes(std::vector<NamedMessage>& list) {
  for (const std::string_view one :
       {"",
        "\r\n",
        "\n",
        "\r",
        ":",
        ": x\r\n\r\n",
        "\r\n\r\nx",
        "\n\nx",
        "-",
        "--",
        "--\r\n",
        "From a@x Tue Jul  7 09:05:00 2026\r\nFrom: a@x\r\n\r\nx",
        ">From: a@x\r\n\r\nx",
        "From: a@x\r\r\n\r\r\nx\r\r\n",
        "From: a@x\r\n \r\n\t\r\nSubject: s\r\n\r\nx",
        "From a@x\r\n",
        "Subject : s\r\n\r\nx",
        "Subject\r\n\r\nx",
        "\xef\xbb\xbfSubject: s\r\n\r\nx",
        "A:\r\nB:\r\n\r\n",
        "Content-Type:\r\n\r\nx",
        "Content-Type: text\r\n\r\nx",
        "Content-Type: ;;;=;\r\n\r\nx",
        "Content-Type: text/plain; charset\r\n\r\nx",
        "Content-Type: \"text/html\"\r\n\r\nx",
        "Content-Type: message/rfc822\r\n\r\n",
        "Content-Type: message/rfc822",
        "Content-Disposition: attachment; filename=\"../../x\"\r\n\r\n",
        "Content-Disposition: attachment; filename=\"a\\\"b\\\\c\r\n d\"\r\n\r\nx"})
    list.emplace_back("bytes " + printable(one), std::string(one));
  list.emplace_back("NUL in the header", std::string("A: b\0c\r\n\0: d\r\n\r\nx"sv));
  list.emplace_back("huge field", mail("X-A: " + std::string(200'000, 'x') + "\r\n\r\nx\r\n"));
  list.emplace_back("huge header", mail(repeated("X-A: value\r\n", 20'000) + "\r\nx\r\n"));
  list.emplace_back("header over its limit", mail(repeated("X-A: value\r\n", 100'000) + "\r\nx"));
  list.emplace_back("many parameters",
                    mail("Content-Type: text/plain" + repeated("; a=b", 5000) + "\r\n\r\nx\r\n"));
  list.emplace_back("deep comments",
                    mail("Content-Type: " + std::string(50'000, '(') + "\r\n\r\nx"));
  list.emplace_back("many parts", mail("Content-Type: multipart/mixed; boundary=b\r\n\r\n" +
                                       repeated("--b\r\n\r\nx\r\n", 3000) + "--b--\r\n"));
  list.emplace_back("deep messages", mail(repeated("Content-Type: message/rfc822\r\n\r\n", 500)));
  std::string deep = mail("");
  for (int i = 0; i < 200; ++i) {
    const auto name = "b" + std::to_string(i);
    deep += "Content-Type: multipart/mixed; boundary=" + name + "\r\n\r\n--" + name + "\r\n";
  }
  list.emplace_back("deep parts", deep);
}

}  // namespace

std::vector<NamedMessage> handwritten_messages() {
  std::vector<NamedMessage> list;
  for (const auto add : {add_usual, add_secured, add_reports, add_wrong_charsets,
                         add_wrong_encodings, add_wrong_boundaries, add_odd_bytes})
    add(list);
  return list;
}

}  // namespace postroad::mail
