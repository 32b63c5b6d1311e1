// A streaming parser of received messages (RFC 2046 §5): it reports headers and bodies of the parts
// to a sink. For messages too large for memory. Not here: a tree of the parts (mail_part.hpp),
// decoding the transfer encoding (transfer_decoder.hpp).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <postroad/mail_part.hpp>
#include <postroad/result.hpp>

namespace postroad {

/// The header of a part. Views are valid during the call of PartSink::begin.
struct POSTROAD_EXPORT PartHead {
  std::string_view header;          ///< as received, without the empty line
  std::vector<HeaderField> fields;  ///< in the order of the header
  ParameterizedValue type;          ///< as MailPart::type
  ParameterizedValue disposition;   ///< Content-Disposition
  std::string encoding;             ///< Content-Transfer-Encoding in lower case
  std::uint64_t header_offset = 0;  ///< in bytes from the start of the message
  std::uint64_t body_offset = 0;    ///< in bytes from the start of the message
  bool cut = false;                 ///< the header was longer than MailLimits::header

  /// The first field `name` (case-insensitive); null if there is none.
  [[nodiscard]] const HeaderField* find(std::string_view name) const noexcept;
};

/// Receives the events of a MailReader. Parts nest: `begin` … `begin` … `end` … `end`.
class POSTROAD_EXPORT PartSink {
 public:
  virtual ~PartSink();
  /// A part begins; its header is complete.
  virtual void begin(const PartHead& head) = 0;
  /// Body bytes of the part that began last and has no parts of its own: as received, still
  /// transfer-encoded, in pieces of any size. Valid during the call.
  virtual void body(std::string_view bytes) = 0;
  /// The part ends; its body ended at `offset`, in bytes from the start of the message. `cut`: a
  /// limit was reached. Parts beyond MailLimits::depth were reported as body; parts beyond
  /// MailLimits::parts were skipped.
  virtual void end(std::uint64_t offset, bool cut) = 0;
};

/// Reads one message. Never fails, because a received message must be read even if it is malformed;
/// a limit that was reached is reported with PartSink::end. Memory: one header, one line that may
/// be a delimiter, the open boundaries. Time: linear in the bytes. One thread at a time; the sink
/// is called from `take` and `finish`.
class POSTROAD_EXPORT MailReader final {
 public:
  /// `sink` must outlive this object.
  explicit MailReader(PartSink& sink, const MailLimits& limits = {});
  MailReader(const MailReader&) = delete;
  MailReader& operator=(const MailReader&) = delete;
  ~MailReader();
  /// The next bytes of the message, in pieces of any size, with any line ends; not kept.
  void take(std::string_view bytes);
  /// The message is complete: ends every open part.
  void finish();

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace postroad
