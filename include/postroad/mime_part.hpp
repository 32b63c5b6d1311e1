// One part of a message being written (RFC 2045, RFC 2046): for structures beyond text, html and
// attachments, which Message builds by itself. Not here: reading parts that arrived
// (mail_part.hpp).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <postroad/result.hpp>

namespace postroad {

/// Gives the next octets, valid until the next call; empty at the end. Error: Fault::io when it
/// cannot go on: the mail is then not sent.
using OctetStream = std::function<Result<std::string_view>()>;
/// Opens a stream from its first octet. Called each time the message is read anew: by signing, and
/// when a mail goes to another server.
using StreamOpener = std::function<Result<OctetStream>()>;

/// A part and what is below it. A value; copies share octets. Wrong values are remembered and told
/// by `Message::fault()` once the part is in a message.
class POSTROAD_EXPORT MimePart {
 public:
  /// text/`subtype` in UTF-8, any line ends; its transfer encoding is chosen when it is sent.
  static MimePart text(std::string_view subtype, std::string text);
  /// Octets of any `type` but multipart/ and message/.
  static MimePart octets(std::string_view type, std::string octets);
  /// A file, read when it is sent; empty `type`: by its name's extension.
  static MimePart file(const std::string& path, std::string_view type = {});
  /// Octets that come while the mail is sent: never held whole. `size` when it is known: servers
  /// are told it beforehand (RFC 1870), and a stream of another size is an error.
  static MimePart stream(std::string_view type, StreamOpener open,
                         std::optional<std::uint64_t> size = std::nullopt);
  /// multipart/`subtype` of parts in their order.
  static MimePart multipart(std::string_view subtype, std::vector<MimePart> parts);
  /// A whole mail as message/rfc822.
  static MimePart message(std::string octets);
  /// Header, empty line and body with CRLF line ends, sent to the octet as they are: a part that
  /// was signed before.
  static MimePart raw(std::string octets);

  MimePart(const MimePart&);
  MimePart(MimePart&&) noexcept;
  MimePart& operator=(const MimePart&);
  MimePart& operator=(MimePart&&) noexcept;
  ~MimePart();

  /// A parameter of Content-Type, as `protocol` of multipart/signed.
  MimePart& parameter(std::string_view name, std::string_view value) &;
  /// A field of the part's own header; Content-Type and -Transfer-Encoding are not among them.
  MimePart& header(std::string_view name, std::string_view value) &;
  /// Offered as a file of that name.
  MimePart& attachment(std::string_view file_name) &;
  /// Shown where the HTML says `cid:` and this id, as `logo@example.org`.
  MimePart& content_id(std::string_view id) &;
  MimePart&& parameter(std::string_view name, std::string_view value) && {
    return std::move(parameter(name, value));
  }
  MimePart&& header(std::string_view name, std::string_view value) && {
    return std::move(header(name, value));
  }
  MimePart&& attachment(std::string_view file_name) && { return std::move(attachment(file_name)); }
  MimePart&& content_id(std::string_view id) && { return std::move(content_id(id)); }

  /// The first wrong value; nullopt when there was none.
  [[nodiscard]] std::optional<Error> fault() const;

 private:
  friend class Message;
  struct State;
  explicit MimePart(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace postroad
