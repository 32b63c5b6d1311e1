// Shared by the tests of src/mail: the events of a MailReader as text, composing with a fixed date
// and predictable "random" bytes, code points as UTF-8, and handwritten messages
// (corpus_messages_test.cpp). For tests only.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <postroad/mail_part.hpp>
#include <postroad/mail_reader.hpp>
#include <postroad/message.hpp>

namespace postroad::mail {

/// The name of a message and its bytes.
using NamedMessage = std::pair<std::string, std::string>;
/// Realistic and malformed messages.
std::vector<NamedMessage> handwritten_messages();

/// The events of a MailReader, one per line; the pieces of a body are joined.
class EventLog final : public PartSink {
 public:
  void begin(const PartHead& head) override;
  void body(std::string_view bytes) override;
  void end(std::uint64_t offset, bool cut) override;
  [[nodiscard]] std::string take();

 private:
  void flush();
  std::string text_;
  std::string body_;
};

/// The events of `bytes`, taken in pieces of `piece` bytes.
std::string events_of(std::string_view bytes, std::size_t piece = std::string_view::npos,
                      const MailLimits& limits = {});
/// The events of `bytes` when they arrive in two pieces that meet at `at`.
std::string events_cut_at(std::string_view bytes, std::size_t at, const MailLimits& limits = {});
/// The events of `bytes` when they arrive line by line.
std::string events_by_line(std::string_view bytes, const MailLimits& limits = {});
/// The events that follow from the tree of parts.
std::string events_of_tree(std::string_view bytes, const MailLimits& limits = {});

/// Options that give the same bytes every time: a fixed date and "random" bytes that count up.
ComposeOptions counted();
/// The bytes of the composed message, or "error: …".
std::string composed(const Message& message);
/// All bytes of an unread source. Checks that their number is size(), if that is known.
std::string drained(MessageSource& source);

/// A code point as UTF-8.
std::string utf8(char32_t point);

/// The parts without parts of their own, in order.
std::vector<const MailPart*> leaves_of(const MailPart& part);
/// "multipart/mixed(text/plain image/png)".
std::string shape_of(const MailPart& part);

}  // namespace postroad::mail
