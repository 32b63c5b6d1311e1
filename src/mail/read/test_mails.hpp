// What the tests of this folder share: a Reader's events as text, composing with fixed dates and
// counted "random" octets, code points as UTF-8, and mails written by hand (corpus_mails_test.cpp).
// For tests only.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <postroad/mail_part.hpp>
#include <postroad/mail_reader.hpp>
#include <postroad/message.hpp>

namespace postroad::mail {

/// A mail by its name.
using NamedMail = std::pair<std::string, std::string>;
/// Real-looking and broken mails.
std::vector<NamedMail> handwritten_mails();

/// All that a MailReader tells, one event a line; bodies that come in pieces are joined.
class EventLog final : public PartSink {
 public:
  void begin(const PartHead& head) override;
  void body(std::string_view octets) override;
  void end(std::uint64_t offset, bool cut) override;
  [[nodiscard]] std::string take();

 private:
  void flush();
  std::string text_;
  std::string body_;
};

/// The events of `octets`, taken in pieces of `piece` octets.
std::string events_of(std::string_view octets, std::size_t piece = std::string_view::npos,
                      const MailLimits& limits = {});
/// The same, cut in two at `at`.
std::string events_cut_at(std::string_view octets, std::size_t at, const MailLimits& limits = {});
/// The same, taken line by line.
std::string events_by_line(std::string_view octets, const MailLimits& limits = {});
/// The events as the tree of parts tells them.
std::string events_of_tree(std::string_view octets, const MailLimits& limits = {});

/// The same octets every time: a fixed date and "random" octets that count up.
ComposeOptions counted();
/// What the message composes; "error: …" when it does not.
std::string composed(const Message& message);
/// All octets of a source that was not read yet; they are as many as it says, where it does.
std::string drained(MessageSource& source);

/// A code point as UTF-8.
std::string utf8(char32_t point);

/// Parts without parts, in order.
std::vector<const MailPart*> leaves_of(const MailPart& part);
/// "multipart/mixed(text/plain image/png)".
std::string shape_of(const MailPart& part);

}  // namespace postroad::mail
