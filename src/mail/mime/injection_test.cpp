// Header injection (rows 4 and 5): every code point at every place where text of a caller or a peer
// enters a header. It is refused, or the message and its parts have the same fields as with
// harmless text, and the text is read back unchanged. For DKIM:
// src/mailauth/dkim/injection_test.cpp.
#include <gtest/gtest.h>

#include <postroad/address.hpp>
#include <postroad/delivery_report.hpp>
#include <postroad/mail_part.hpp>
#include <postroad/template.hpp>

#include "base/text.hpp"
#include "mail/header/fields.hpp"
#include "mail/header/received.hpp"
#include "mail/mime/transfer.hpp"
#include "mail/read/test_messages.hpp"

namespace postroad::mail {
namespace {

struct Sink {
  const char* name;
  Message (*make)(const std::string& text);
  // Reads the text back as a mail program displays it; null: not compared.
  std::string (*read)(const MailPart& mail) = nullptr;
  std::size_t batch = 72;  // bytes that may be tried at once
};

Message begun() { return Message{}.from("a@x.example").text("t"); }
Message with(const MimePart& part) { return begun().attach(part); }
MimePart part() { return MimePart::bytes("a/b", "x"); }

std::string name_of_from(const MailPart& mail) {
  const auto list = parse_address_list(mail.find("From")->value());
  return list && list->size() == 1 ? list->front().name : "unreadable";
}

std::string mailbox_of_to(const MailPart& mail) {
  const auto list = parse_address_list(mail.find("To")->value());
  return list && list->size() == 1 ? list->front().mailbox.local : "unreadable";
}

DeliveryReport bounce(const std::string& text) {
  DeliveryReport report{text, text, text, {}, "t", "A: b\n\n"};
  ReportedRecipient one{{}, text, text, text, text, text, text, text};
  report.recipients = {one, one};
  return report;
}

const Sink sinks[] = {
    {"reply_to, a name", [](const std::string& x) { return begun().reply_to("x" + x + " <r@x>"); }},
    {"from, a quoted name",
     [](const std::string& x) { return Message{}.from("\"x" + x + "y\" <a@x>").text("t"); },
     name_of_from},
    {"from, a comment",
     [](const std::string& x) { return Message{}.from("a@x (" + x + ")").text("t"); }},
    {"to, a quoted local part",
     [](const std::string& x) { return begun().to("\"x" + x + "y\"@x.example"); }, mailbox_of_to,
     48},
    {"to, a local part", [](const std::string& x) { return begun().to("x" + x + "y@x.example"); },
     mailbox_of_to, 48},
    {"cc, a domain", [](const std::string& x) { return begun().cc("c@x" + x + "y.example"); },
     nullptr, 48},
    {"sender, a group", [](const std::string& x) { return begun().cc("g" + x + ": c@x;"); }},
    {"default_domain",
     [](const std::string& x) { return begun().to("root").default_domain("x" + x + "y.example"); },
     nullptr, 48},
    {"subject", [](const std::string& x) { return begun().subject("x" + x + "y"); },
     [](const MailPart& mail) { return mail.header("Subject"); }},
    {"a template in the subject",
     [](const std::string& x) {
       return begun().subject(*Template::text("x{{x}}y")->fill({{"x", x}}));
     },
     [](const MailPart& mail) { return mail.header("Subject"); }},
    {"message_id", [](const std::string& x) { return begun().message_id("x" + x + "y@x"); }},
    {"in_reply_to", [](const std::string& x) { return begun().in_reply_to("<x" + x + "y@x>"); }},
    {"references", [](const std::string& x) { return begun().references("<x@x" + x + "y>"); }},
    {"a header's value", [](const std::string& x) { return begun().header("X-A", "x" + x + "y"); },
     [](const MailPart& mail) { return mail.header("X-A"); }},
    {"a header's name", [](const std::string& x) { return begun().header("X" + x + "y", "v"); }},
    {"attach, the name",
     [](const std::string& x) { return begun().attach("x" + x + "y", "a/b", "x"); },
     [](const MailPart& mail) { return mail.parts.back().file_name(); }},
    {"attach, the type",
     [](const std::string& x) { return begun().attach("n", "a/b" + x + "c", "x"); }},
    {"attach, a parameter's name",
     [](const std::string& x) { return begun().attach("n", "a/b; p" + x + "q=v", "x"); }},
    {"attach, a parameter's value",
     [](const std::string& x) { return begun().attach("n", "a/b; p=\"x" + x + "y\"", "x"); }},
    {"embed, the name",
     [](const std::string& x) {
       return begun().html("<img src='x'>").embed("x" + x + "y", "image/png", "x");
     }},
    {"embed, the type",
     [](const std::string& x) { return begun().html("h").embed("x", "image/p" + x + "g", "x"); }},
    {"content_id", [](const std::string& x) { return with(part().content_id("x" + x + "y@x")); }},
    {"a part's parameter",
     [](const std::string& x) { return with(part().parameter("p", "x" + x + "y")); },
     [](const MailPart& mail) { return std::string(mail.parts.back().type.find("p")); }},
    {"a part's parameter's name",
     [](const std::string& x) { return with(part().parameter("p" + x + "q", "v")); }},
    {"a part's header",
     [](const std::string& x) { return with(part().header("X-B", "x" + x + "y")); },
     [](const MailPart& mail) { return mail.parts.back().header("X-B"); }},
    {"a part's header's name",
     [](const std::string& x) { return with(part().header("X" + x + "y", "v")); }},
    {"a part's file name",
     [](const std::string& x) { return with(part().attachment("x" + x + "y")); },
     [](const MailPart& mail) { return mail.parts.back().file_name(); }},
    {"text's subtype",
     [](const std::string& x) { return with(MimePart::text("x" + x + "y", "t")); }},
    {"multipart's subtype",
     [](const std::string& x) { return with(MimePart::multipart("x" + x + "y", {part()})); }},
    {"calendar's method",
     [](const std::string& x) { return begun().calendar("X" + x + "Y", "BEGIN:VCALENDAR"); }},
    {"list_unsubscribe",
     [](const std::string& x) { return begun().list_unsubscribe("https://x/x" + x + "y"); }},
    {"a bounce",
     [](const std::string& x) {
       return Message{}.from("a@x").content(bounce("x" + x + "y").part());
     }},
    {"an abuse report",
     [](const std::string& x) {
       const auto text = "x" + x + "y";
       return Message{}.from("a@x").content(
           AbuseReport{text, text, text, text, text, {text, text}, {text}, "t", ""}.part());
     }},
    {"a read receipt",
     [](const std::string& x) {
       const auto text = "x" + x + "y";
       return Message{}.from("a@x").content(ReadReceipt{text, text, text, text, text, "t"}.part());
     }},
};

// Content-Transfer-Encoding depends on the text, so it is ignored.
void add_names(std::string& out, const std::vector<HeaderField>& fields) {
  for (const auto& field : fields) {
    if (!iequals(field.name, "Content-Transfer-Encoding")) out += std::string(field.name) + '\n';
  }
}

// The names of all fields, including those of the parts and of reports.
void add_names(std::string& out, const MailPart& mail) {
  add_names(out, mail.fields);
  if (mail.type.value.starts_with("message/")) {
    const auto decoded = mail.decoded();
    std::string_view body = decoded;
    while (!body.empty()) {
      const auto block = split_fields(body);
      add_names(out, block.fields);
      if (block.body == 0) break;
      body.remove_prefix(block.body);
    }
  }
  for (const auto& below : mail.parts) add_names(out, below);
}

std::string names_of(std::string_view bytes) {
  std::string out;
  add_names(out, MailPart::parse(bytes));
  return out;
}

// Some programs take a line of whitespace for the end of the header.
bool has_blank_fold(std::string_view bytes) {
  const auto header = bytes.substr(0, bytes.find("\r\n\r\n"));
  for (auto line : split(header, '\n')) {
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) return true;
  }
  return false;
}

// The problem of the message that contains this text; empty if there is none.
std::string problem_of(const Sink& sink, const std::string& names, const std::string& text,
                       bool& refused) {
  const auto message = sink.make(text);
  refused = message.error().has_value();
  if (refused) return {};
  const auto bytes = composed(message);
  if (bytes.starts_with("error")) return bytes;
  if (find_bare_line_end(bytes) != std::string::npos) return "a bare line end";
  if (bytes.find('\0') != std::string::npos) return "a NUL";
  if (!is_utf8(bytes)) return "not UTF-8";
  if (has_blank_fold(bytes)) return "a line of whitespace in the header";
  const auto found = names_of(bytes);
  const bool named = std::string_view(sink.name).ends_with("header's name");
  if (named ? found.find("X" + text + "y\n") == std::string::npos : found != names)
    return "other fields:\n" + found;
  if (sink.read == nullptr) return {};
  const auto shown = sink.read(MailPart::parse(bytes));
  // Spaces at either end, quotes and backslashes are not literal.
  const bool literal = text.find_first_of(std::string_view("\"\\\t \x7f", 5)) == std::string::npos;
  return literal && shown != "x" + text + "y" ? "read back as " + printable(shown) : std::string();
}

bool is_always_tried(char32_t point) {
  const auto low = point & 0xff;
  return point < 0x3100 || low == 0x0a || low == 0x0d || low == 0x00;
}

void try_all(const Sink& sink) {
  const auto names = names_of(composed(sink.make("x")));
  std::string batch;
  std::vector<std::string> singles;
  bool refused = false;
  const auto flush = [&] {
    auto problem = problem_of(sink, names, batch, refused);
    EXPECT_EQ(problem, "") << sink.name << ": " << printable(batch);
    for (const auto& one : singles) {
      if (!refused && problem.empty()) break;
      bool also = false;
      EXPECT_EQ(problem_of(sink, names, one, also), "") << sink.name << ": " << printable(one);
    }
    batch.clear();
    singles.clear();
  };
  for (char32_t point = 0; point <= 0x10ffff; ++point) {
    if (point >= 0xd800 && point <= 0xdfff) continue;
    if (!is_always_tried(point) && point % 97 != 0) continue;
    batch += utf8(point);
    singles.push_back(utf8(point));
    if (point < 0x300 || batch.size() + 4 > sink.batch) flush();
    if (testing::Test::HasFailure()) return;
  }
  if (!batch.empty()) flush();
}

TEST(Row5, NoCodePointAtAnyHeaderSinkBeginsAField) {
  for (const auto& sink : sinks) {
    ASSERT_NE(names_of(composed(sink.make("x"))), "") << sink.name;
    try_all(sink);
  }
}

// Row 4: complete injected fields, with every sequence that some program takes for a line end.
TEST(Row4, NoSmuggledFieldAtAnyHeaderSink) {
  for (const auto& sink : sinks) {
    const auto names = names_of(composed(sink.make("x")));
    for (const std::string end : {"\r\n", "\n", "\r", "\r\r\n", "\n\r", "\v", "\f", "\x1c", "\x1e",
                                  "\u0085", "\u2028", "\u2029", "\u560a", "\u560d\u560a", "%0d%0a",
                                  "\\r\\n", "=0D=0A", "=?utf-8?q?=0D=0A?=", "=?utf-8?b?DQo=?="}) {
      for (const auto& text :
           {end + "Bcc: evil@x", end + end + "body", end + " Bcc: evil@x", end + "--=_mixed_"}) {
        bool refused = false;
        const bool control = end.front() == '\r' || end.front() == '\n';
        const bool report = std::string_view(sink.name).ends_with("bounce") ||
                            std::string_view(sink.name).starts_with("a read") ||
                            std::string_view(sink.name).starts_with("an abuse");
        const auto bytes = composed(sink.make(text));
        (void)problem_of(sink, names, text, refused);
        EXPECT_TRUE(refused || report || !control) << sink.name << ": " << printable(text);
        const bool named = std::string_view(sink.name).ends_with("header's name");
        if (refused || named) continue;
        EXPECT_EQ(names_of(bytes), names) << sink.name << ": " << printable(text);
      }
    }
  }
}

// A tab between spaces must not become a line of its own.
TEST(Row4, BlanksOfAValueMakeNoBlankLine) {
  const std::string word(76, 'w');
  for (const auto* blanks : {" \t ", "\t \t", " \t \t ", "  \t  ", " \t\t ", "   "}) {
    const auto bytes = composed(begun().header("X-A", word + blanks + word + blanks + word));
    EXPECT_FALSE(has_blank_fold(bytes)) << bytes;
  }
}

TEST(Row5, NoCodePointInATraceFieldBeginsAField) {
  for (char32_t point = 0; point <= 0x10ffff; ++point) {
    if (point >= 0xd800 && point <= 0xdfff) continue;
    if (!is_always_tried(point) && point % 97 != 0) continue;
    const auto text = "x" + utf8(point) + "y";
    const ReceivedInfo trace{text, text, text, text, text, text, Mailbox{text, "x.example"}, {}};
    const auto bytes = format_received(trace) + format_return_path({text, "x"}) +
                       format_delivered_to({text, "x"}) + "\r\n";
    ASSERT_EQ(find_bare_line_end(bytes), std::string::npos) << std::uint32_t{point};
    ASSERT_EQ(bytes.find('\0'), std::string::npos) << std::uint32_t{point};
    ASSERT_EQ(names_of(bytes), "Received\nReturn-Path\nDelivered-To\n") << std::uint32_t{point};
  }
}

// A long value in a report is truncated between characters.
TEST(Row5, AReportCutsNoCharacterInTwo) {
  for (std::size_t front = 0; front < 4; ++front) {
    std::string text(front, 'x');
    for (int i = 0; i < 600; ++i) text += "測";
    const auto bytes = composed(Message{}.from("a@x").content(bounce(text).part()));
    EXPECT_TRUE(is_utf8(bytes)) << front;
  }
  for (const std::string& text : {std::string("\xff\xc3"), std::string(2000, '\xff')}) {
    const auto bytes = composed(Message{}.from("a@x").content(bounce(text).part()));
    EXPECT_TRUE(is_utf8(bytes) && !bytes.starts_with("error")) << bytes;
  }
}

}  // namespace
}  // namespace postroad::mail
