// A message to send, composed from its parts or given whole: header, bodies, attachments, and the
// envelope that they imply. Not here: sending (client.hpp), reading received messages
// (mail_part.hpp). Read on in message_source.hpp: how a sender reads the bytes.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <postroad/mailbox.hpp>
#include <postroad/message_source.hpp>
#include <postroad/mime_part.hpp>
#include <postroad/result.hpp>
#include <postroad/signer.hpp>

namespace postroad {

/// Inputs of composing that vary from call to call. The defaults are the system clock and the
/// system's random numbers; a test sets its own to get the same bytes every time.
struct POSTROAD_EXPORT ComposeOptions {
  /// Date of a message without `date()`; unset: the current time.
  std::optional<std::chrono::system_clock::time_point> date{};
  /// Fills the span with random bytes, for Message-ID and boundaries.
  std::function<void(std::span<unsigned char>)> random;
  /// Right side of a generated Message-ID; empty: the domain of From.
  std::string host{};
};

/// Importance of a message, as Message::priority writes it.
enum class Priority : std::uint8_t { high, normal, low };

/// A message to send. A value type: copies are independent (they share attached bytes, which are
/// never changed).
///
/// The setters chain, on an lvalue and on a temporary. They do not throw on an invalid value (a bad
/// address, a line end in a subject, an unreadable file). The first such error is stored:
/// `error()`, `check()` and `source()` return it, so that nothing is sent. All text is UTF-8.
/// Threads: call setters from one thread; several threads may read and send a Message that no
/// thread changes.
class POSTROAD_EXPORT Message {
 public:
  Message() noexcept;
  Message(const Message& other);
  Message(Message&& other) noexcept;
  Message& operator=(const Message& other);
  Message& operator=(Message&& other) noexcept;
  ~Message();

  /// Address fields (RFC 5322 §3.6.2, §3.6.3). Each takes a comma-separated list:
  /// `test <test@163.com>, "Doe, J." <j@example.org>, plain@example.org`. Groups keep their names
  /// (`team: a@example.org, b@example.org;`, `undisclosed-recipients:;`). A second call appends.
  /// The addresses of `bcc` become recipients but are never written into the message.
  Message& from(std::string_view list) &;
  Message& sender(std::string_view address) &;
  Message& reply_to(std::string_view list) &;
  Message& to(std::string_view list) &;
  Message& cc(std::string_view list) &;
  Message& bcc(std::string_view list) &;
  /// Domain for addresses without `@`, such as `root` in a message from cron. Without it such an
  /// address is an error.
  Message& default_domain(std::string_view domain) &;

  /// Any text without CR, LF and NUL; written as encoded-words where necessary (RFC 2047).
  Message& subject(std::string_view text) &;
  /// Date field, written in UTC. Default: the time of composing.
  Message& date(std::chrono::system_clock::time_point when) &;
  /// `id-left@id-right` in ASCII, with or without angle brackets. Default: a random one.
  Message& message_id(std::string_view id) &;

  /// Message-IDs of the messages that this one replies to (RFC 5322 §3.6.4): several in angle
  /// brackets, or a single one without.
  Message& in_reply_to(std::string_view ids) &;
  Message& references(std::string_view ids) &;
  /// Writes the fields Importance and X-Priority.
  Message& priority(Priority level) &;
  /// List-Unsubscribe (RFC 2369): comma-separated https: and mailto: URLs. `one_click` adds
  /// List-Unsubscribe-Post if one URL is https: (RFC 8058, which also requires a DKIM signature).
  Message& list_unsubscribe(std::string_view urls, bool one_click = true) &;

  /// The body, as plain text and as HTML; any line ends. With both, the message is
  /// multipart/alternative. A second call replaces the first.
  Message& text(std::string body) &;
  Message& html(std::string body) &;
  /// The HTML body, and every file below `folder` that it refers to, embedded; a reference that
  /// leaves the folder is an error, Fault::data.
  Message& html(std::string body, const std::string& folder) &;
  /// Reads the HTML body from a file, once; `folder` is that of the file.
  Message& html_file(const std::string& path) &;
  /// Writes the plain text as format=flowed (RFC 3676), so that a reader can rewrap it.
  Message& flowed(bool on = true) &;
  /// Embeds a file, or bytes under a name, that the HTML shows. References in the HTML to `name` or
  /// `cid:name` become references to the part (RFC 2392).
  Message& embed(const std::string& path) &;
  Message& embed(std::string_view name, std::string_view type, std::string bytes) &;
  /// An invitation (RFC 5546, RFC 6047): iCalendar text and its METHOD, for example REQUEST. It is
  /// written as one more alternative of the body.
  Message& calendar(std::string_view method, std::string icalendar) &;
  /// Attaches a file under its own name, with the media type of its extension. The call checks that
  /// the file can be opened; its content is read when the message is sent.
  Message& attach(const std::string& path) &;
  /// Attaches bytes. `type` is a media type, such as `text/csv` or `text/plain; charset=utf-8`;
  /// empty: the type of the name's extension. multipart/ and message/ are refused, because they may
  /// not be encoded (RFC 2045 §6.4).
  Message& attach(std::string_view name, std::string_view type, std::string bytes) &;
  /// Attaches bytes that are read from a stream while the message is sent; see MimePart::stream.
  Message& attach(std::string_view name, std::string_view type, StreamOpener open,
                  std::optional<std::uint64_t> size = std::nullopt) &;
  /// Adds any part after the body, where attachments are.
  Message& attach(const MimePart& part) &;
  /// Replaces text, html and calendar by a structure of the caller's. Attachments still follow it.
  Message& content(const MimePart& part) &;

  /// Signs the message each time it is composed, in the 7-bit form that every server accepts. With
  /// several signers, the fields of the last one come first.
  Message& sign(std::shared_ptr<const MessageSigner> signer) &;

  /// Appends any other field. The value is folded at spaces, and encoded (RFC 2047) if it is not
  /// ASCII. Names with a setter above call it: `header("To", …)` is `to(…)`. Refused: a name that
  /// is not RFC 5322 ftext, the fields of the MIME structure, a value with CR, LF or NUL, a word
  /// too long for a line of 998 bytes.
  Message& header(std::string_view name, std::string_view value) &;

  /// A whole message with its header, for example from a file or standard input; any line ends. Bcc
  /// and Resent-Bcc are removed (their addresses still become recipients), and so is a leading mbox
  /// `From ` line. Date, Message-ID and the fields of the other setters are added if the header
  /// lacks them. Bytes outside ASCII and lines over 998 bytes are encoded for a server that does
  /// not accept them, unless the message is signed. Cannot be combined with text, html or
  /// attachments.
  Message& raw(std::string bytes) &;

  Message&& from(std::string_view list) && { return std::move(from(list)); }
  Message&& sender(std::string_view address) && { return std::move(sender(address)); }
  Message&& reply_to(std::string_view list) && { return std::move(reply_to(list)); }
  Message&& to(std::string_view list) && { return std::move(to(list)); }
  Message&& cc(std::string_view list) && { return std::move(cc(list)); }
  Message&& bcc(std::string_view list) && { return std::move(bcc(list)); }
  Message&& default_domain(std::string_view name) && { return std::move(default_domain(name)); }
  Message&& subject(std::string_view words) && { return std::move(subject(words)); }
  Message&& date(std::chrono::system_clock::time_point when) && { return std::move(date(when)); }
  Message&& message_id(std::string_view id) && { return std::move(message_id(id)); }
  Message&& in_reply_to(std::string_view ids) && { return std::move(in_reply_to(ids)); }
  Message&& references(std::string_view ids) && { return std::move(references(ids)); }
  Message&& priority(Priority level) && { return std::move(priority(level)); }
  Message&& list_unsubscribe(std::string_view urls, bool one_click = true) && {
    return std::move(list_unsubscribe(urls, one_click));
  }
  Message&& text(std::string body) && { return std::move(text(std::move(body))); }
  Message&& html(std::string body) && { return std::move(html(std::move(body))); }
  Message&& html(std::string body, const std::string& folder) && {
    return std::move(html(std::move(body), folder));
  }
  Message&& html_file(const std::string& path) && { return std::move(html_file(path)); }
  Message&& flowed(bool on = true) && { return std::move(flowed(on)); }
  Message&& embed(const std::string& path) && { return std::move(embed(path)); }
  Message&& embed(std::string_view name, std::string_view type, std::string bytes) && {
    return std::move(embed(name, type, std::move(bytes)));
  }
  Message&& calendar(std::string_view method, std::string icalendar) && {
    return std::move(calendar(method, std::move(icalendar)));
  }
  Message&& attach(const std::string& path) && { return std::move(attach(path)); }
  Message&& attach(std::string_view name, std::string_view type, StreamOpener open,
                   std::optional<std::uint64_t> size = std::nullopt) && {
    return std::move(attach(name, type, std::move(open), size));
  }
  Message&& attach(const MimePart& part) && { return std::move(attach(part)); }
  Message&& content(const MimePart& part) && { return std::move(content(part)); }
  Message&& sign(std::shared_ptr<const MessageSigner> signer) && {
    return std::move(sign(std::move(signer)));
  }
  Message&& attach(std::string_view name, std::string_view type, std::string bytes) && {
    return std::move(attach(name, type, std::move(bytes)));
  }
  Message&& header(std::string_view name, std::string_view value) && {
    return std::move(header(name, value));
  }
  Message&& raw(std::string bytes) && { return std::move(raw(std::move(bytes))); }

  /// The first error of a setter; nullopt if there was none.
  [[nodiscard]] std::optional<Error> error() const;
  /// Whether the message can be sent to the recipients that it names. Error: `error()`;
  /// Fault::input for an unreadable address in a raw header, a missing From, or no recipients.
  [[nodiscard]] Result<void> check() const;

  /// The address for bounces: the bare address of Sender, else the first of From; for a raw message
  /// with Resent fields, that of Resent-Sender or Resent-From. The null mailbox if there is none.
  [[nodiscard]] Mailbox reverse_path() const;
  /// The addresses of To, Cc and Bcc, in this order, each mailbox once. For a raw message they come
  /// from its header, or from its newest Resent block (RFC 5322 §3.6.6), followed by those of the
  /// setters.
  [[nodiscard]] std::vector<Mailbox> recipients() const;

  /// Composes the message. The source does not depend on the lifetime of this object. A message
  /// from setters is 7-bit, with lines of at most 78 bytes where words allow it (998 always); only
  /// addresses outside ASCII need more. Unless the message is signed, a server with 8BITMIME gets
  /// text as 8bit, and a client that prefers BDAT sends attachments as binary. Error: `error()`;
  /// Fault::input for a missing From; Fault::io if an attached file cannot be opened; any error of
  /// a signer.
  [[nodiscard]] Result<std::unique_ptr<MessageSource>> source(
      const ComposeOptions& options = {}) const;

 private:
  struct State;
  State& edit();
  const State& view() const;
  std::shared_ptr<State> state_;  // shared with copies and sources; copied before it is changed
};

}  // namespace postroad
