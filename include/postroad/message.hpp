// One mail, put together by its parts or given whole: header, texts, attachments, and the envelope
// they imply. Not here: sending (client.hpp), reading mail that arrived (mail_part.hpp). Read
// on in message_source.hpp: how the octets come out.
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

/// What composing takes from outside. The defaults are the real clock and the system's randomness;
/// a test gives its own and gets the same octets every time.
struct POSTROAD_EXPORT ComposeOptions {
  /// Date of a message that names none; now when it is not set.
  std::optional<std::chrono::system_clock::time_point> date;
  /// Fills the span with random octets, for Message-ID and boundaries.
  std::function<void(std::span<unsigned char>)> random;
  /// Right side of a Message-ID; the domain of From when it is empty.
  std::string host;
};

enum class Priority : std::uint8_t { high, normal, low };

/// A mail being written. A value: copies are independent (attached octets are shared, never
/// changed).
///
/// The setters chain, on a name and on a temporary. A wrong value (a bad address, a line end in a
/// subject, a file that cannot be read) is not thrown: the first one is remembered, `fault()` tells
/// it, and `check()` and `source()` return it, so that nothing is sent. All text is UTF-8. Threads:
/// setters from one thread; a Message nobody changes may be read and sent from many at once.
class POSTROAD_EXPORT Message {
 public:
  Message() noexcept;
  Message(const Message& other);
  Message(Message&& other) noexcept;
  Message& operator=(const Message& other);
  Message& operator=(Message&& other) noexcept;
  ~Message();

  /// Address fields (RFC 5322 §3.6.2, §3.6.3). Each takes a comma-separated list as people write
  /// it: `test <test@163.com>, "Doe, J." <j@example.org>, plain@example.org`; groups keep their
  /// names (`team: a@example.org, b@example.org;`, `undisclosed-recipients:;`); a second call
  /// appends. The addresses of `bcc` get the mail and stand nowhere in it.
  Message& from(std::string_view list) &;
  Message& sender(std::string_view address) &;
  Message& reply_to(std::string_view list) &;
  Message& to(std::string_view list) &;
  Message& cc(std::string_view list) &;
  Message& bcc(std::string_view list) &;
  /// Completes addresses without `@`, as `root` in a mail from cron. Without it such an address is
  /// an error.
  Message& default_domain(std::string_view domain) &;

  /// Any text without CR, LF and NUL; written as encoded-words where it needs them (RFC 2047).
  Message& subject(std::string_view text) &;
  /// Written in UTC. Without it, the moment of composing.
  Message& date(std::chrono::system_clock::time_point when) &;
  /// With or without its angle brackets: `id-left@id-right` in ASCII. Without it, a random one.
  Message& message_id(std::string_view id) &;

  /// Message-IDs of what this answers (RFC 5322 §3.6.4), with their angle brackets or one without.
  Message& in_reply_to(std::string_view ids) &;
  Message& references(std::string_view ids) &;
  /// Importance and X-Priority, for readers that look at them.
  Message& priority(Priority level) &;
  /// Where a reader can leave a list: URLs parted by commas, https: and mailto: (RFC 2369). With an
  /// https: one and `one_click`, a POST to it is enough (RFC 8058), which wants DKIM, too.
  Message& list_unsubscribe(std::string_view urls, bool one_click = true) &;

  /// The body; any line ends. With both, a reader chooses (multipart/alternative). A second call
  /// replaces.
  Message& text(std::string body) &;
  Message& html(std::string body) &;
  /// HTML from a file, and with it every file under its folder that it shows.
  Message& html_file(const std::string& path) &;
  /// The text as format=flowed (RFC 3676): a narrow screen wraps it anew.
  Message& flowed(bool on = true) &;
  /// A file, or octets under a name, that the HTML shows: what it refers to as `name` or `cid:name`
  /// becomes a reference to the part.
  Message& embed(const std::string& path) &;
  Message& embed(std::string_view name, std::string_view type, std::string octets) &;
  /// An invitation (RFC 5546, RFC 6047): iCalendar text and its METHOD, as REQUEST; an alternative
  /// to the texts.
  Message& calendar(std::string_view method, std::string icalendar) &;
  /// Attaches a file under its own name, with a type by its extension. It is opened now to see that
  /// it can be read, and streamed when the mail is sent: its size then is what is sent.
  Message& attach(const std::string& path) &;
  /// Attaches octets. `type` as `text/csv` or `text/plain; charset=utf-8`; empty for a type by the
  /// name's extension; neither multipart/ nor message/, which may not be encoded.
  Message& attach(std::string_view name, std::string_view type, std::string octets) &;
  /// Attaches what comes from a stream while the mail is sent; see MimePart::stream.
  Message& attach(std::string_view name, std::string_view type, StreamOpener open,
                  std::optional<std::uint64_t> size = std::nullopt) &;
  /// Any part behind the texts, as an attachment is.
  Message& attach(const MimePart& part) &;
  /// A structure of one's own in place of texts and calendar; attachments go round it.
  Message& content(const MimePart& part) &;

  /// Signs what is sent, each time it is composed, in the form that every server takes. Several:
  /// the last one's fields stand first.
  Message& sign(std::shared_ptr<const MessageSigner> signer) &;

  /// Any other field, appended. The value is folded at blanks, and encoded (RFC 2047) if it is not
  /// ASCII. The names above are understood: `header("To", …)` is `to(…)`. Refused: a name that is
  /// not RFC 5322 ftext, the fields of the MIME structure, a value with CR, LF or NUL, a word too
  /// long for a line of 998 octets.
  Message& header(std::string_view name, std::string_view value) &;

  /// A whole message with its header, as from a file or standard input; any line ends. Bcc and
  /// Resent-Bcc are taken out (their addresses still count as recipients); a leading mbox `From `
  /// line is dropped; Date, Message-ID and what the other setters gave is added where the header
  /// lacks it. What a server does not take (octets that are not ASCII, lines over 998) is encoded
  /// for it, unless the message is signed. Goes with no text, html or attachment.
  Message& raw(std::string octets) &;

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
  Message&& html_file(const std::string& path) && { return std::move(html_file(path)); }
  Message&& flowed(bool on = true) && { return std::move(flowed(on)); }
  Message&& embed(const std::string& path) && { return std::move(embed(path)); }
  Message&& embed(std::string_view name, std::string_view type, std::string octets) && {
    return std::move(embed(name, type, std::move(octets)));
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
  Message&& attach(std::string_view name, std::string_view type, std::string octets) && {
    return std::move(attach(name, type, std::move(octets)));
  }
  Message&& header(std::string_view name, std::string_view value) && {
    return std::move(header(name, value));
  }
  Message&& raw(std::string octets) && { return std::move(raw(std::move(octets))); }

  /// The first wrong value that was set; nullopt when there was none.
  [[nodiscard]] std::optional<Error> fault() const;
  /// Whether this can be sent to the recipients it names itself: `fault()`, then an address in a
  /// raw header that cannot be read, From missing, nobody to send to. Error: Fault::input with a
  /// sentence.
  [[nodiscard]] Result<void> check() const;

  /// Where bounces go: the bare address of Sender, else the first of From; for a raw message with
  /// Resent fields, that of Resent-Sender or Resent-From. The null mailbox when there is none.
  [[nodiscard]] Mailbox reverse_path() const;
  /// To, Cc and Bcc, in this order, each mailbox once. For a raw message the same of its header, or
  /// those of its newest Resent block where it has one (RFC 5322 §3.6.6), and then what the setters
  /// added.
  [[nodiscard]] std::vector<Mailbox> recipients() const;

  /// Composes. The source is independent of this object's further life. What the setters composed
  /// is 7-bit with lines of at most 78 octets where words allow it (998 always), except for
  /// addresses that are not ASCII; a server that offers more is given texts as 8bit, and
  /// attachments as binary by a client that prefers chunks, unless the message is signed. Error:
  /// `fault()`; Fault::input when From is missing; Fault::io when an attached file cannot be
  /// opened; what signing gave.
  [[nodiscard]] Result<std::unique_ptr<MessageSource>> source(
      const ComposeOptions& options = {}) const;

 private:
  struct State;
  State& edit();
  const State& view() const;
  std::shared_ptr<State> state_;  // shared with copies and sources; copied before it is changed
};

}  // namespace postroad
