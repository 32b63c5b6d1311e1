// One MIME part of a message to send (RFC 2045, RFC 2046), for structures other than the bodies and
// attachments that Message (message.hpp) composes. Not here: the parts of a received message
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

/// Returns the next bytes, valid until the next call; empty at the end. Error: Fault::io if reading
/// fails; the message is then not sent.
using ByteStream = std::function<Result<std::string_view>()>;
/// Opens a stream at its first byte. Called each time the message is read: by a signer, and again
/// if the message is sent to another server.
using StreamOpener = std::function<Result<ByteStream>()>;

/// A part and the parts below it. A value type; copies share bytes. The first invalid value is
/// stored; `Message::error()` returns it once the part is in a message. One thread at a time,
/// unless nothing changes the part.
class POSTROAD_EXPORT MimePart {
 public:
  /// text/`subtype` in UTF-8, any line ends. The transfer encoding is chosen when it is sent.
  static MimePart text(std::string_view subtype, std::string text);
  /// Bytes of any media type except multipart/ and message/.
  static MimePart bytes(std::string_view type, std::string bytes);
  /// A file, read while the message is sent. Empty `type`: that of the file name's extension.
  static MimePart file(const std::string& path, std::string_view type = {});
  /// Bytes that are read while the message is sent and never held whole. `size`, if known, is in
  /// bytes and is announced to the server (RFC 1870); a stream of another size is an error.
  static MimePart stream(std::string_view type, StreamOpener open,
                         std::optional<std::uint64_t> size = std::nullopt);
  /// multipart/`subtype` of the given parts, at least one.
  static MimePart multipart(std::string_view subtype, std::vector<MimePart> parts);
  /// A whole message as message/rfc822.
  static MimePart message(std::string bytes);
  /// Header, empty line and body with CRLF line ends, sent unchanged: for a part that is already
  /// signed.
  static MimePart raw(std::string bytes);

  MimePart(const MimePart&);
  MimePart(MimePart&&) noexcept;
  MimePart& operator=(const MimePart&);
  MimePart& operator=(MimePart&&) noexcept;
  ~MimePart();

  /// A parameter of Content-Type, for example `protocol` of multipart/signed. Not `boundary` or
  /// `charset`.
  MimePart& parameter(std::string_view name, std::string_view value) &;
  /// A field of the part's header. Refused: Content-Type, Content-Transfer-Encoding,
  /// Content-Disposition and Content-ID, which are composed.
  MimePart& header(std::string_view name, std::string_view value) &;
  /// Content-Disposition: attachment, with this file name of at most 1024 bytes (RFC 2183).
  MimePart& attachment(std::string_view file_name) &;
  /// Content-ID (RFC 2392), for example `logo@example.org`: HTML shows the part as `cid:` plus id.
  MimePart& content_id(std::string_view id) &;
  MimePart&& parameter(std::string_view name, std::string_view value) && {
    return std::move(parameter(name, value));
  }
  MimePart&& header(std::string_view name, std::string_view value) && {
    return std::move(header(name, value));
  }
  MimePart&& attachment(std::string_view file_name) && { return std::move(attachment(file_name)); }
  MimePart&& content_id(std::string_view id) && { return std::move(content_id(id)); }

  /// The first error of a setter, Fault::input or Fault::io; nullopt if there was none.
  [[nodiscard]] std::optional<Error> error() const;

 private:
  friend class Message;
  struct State;
  explicit MimePart(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace postroad
