// A mail taken apart while its octets stream by (RFC 2046 §5): heads and bodies of its parts, told
// to a sink. For mail that is too large to hold. Not here: a tree of its parts (mail_part.hpp),
// taking the transfer encoding off (transfer_decoder.hpp).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <postroad/mail_part.hpp>
#include <postroad/result.hpp>

namespace postroad {

/// The head of a part. Views live as long as the call.
struct POSTROAD_EXPORT PartHead {
  std::string_view header;          ///< its octets, without the empty line
  std::vector<HeaderField> fields;  ///< in the order of the header
  ParameterizedValue type;          ///< as MailPart::type
  ParameterizedValue disposition;   ///< of Content-Disposition
  std::string encoding;             ///< of Content-Transfer-Encoding, lower case
  std::uint64_t header_offset = 0;  ///< from the front of the mail
  std::uint64_t body_offset = 0;
  bool cut = false;  ///< the header was longer than the limit

  /// The first field of that name, case ignored; null when there is none.
  [[nodiscard]] const HeaderField* find(std::string_view name) const noexcept;
};

/// What a MailReader tells. Parts nest: `begin` … `begin` … `end` … `end`.
class POSTROAD_EXPORT PartSink {
 public:
  virtual ~PartSink();
  virtual void begin(const PartHead& head) = 0;
  /// Octets of the body of the part that began last and has no parts: as they came, still encoded,
  /// in pieces of any size.
  virtual void body(std::string_view octets) = 0;
  /// The part is over; its body ended at `offset`. `cut`: a limit kept its own parts from being
  /// read: of the depth, they were told as body; of the number, those beyond it were passed over.
  virtual void end(std::uint64_t offset, bool cut) = 0;
};

/// Reads one mail. Never fails: mail that arrived has to be read, however broken; a limit that
/// stops the reading is told with the part's end. Memory: one header, one line that may be a
/// delimiter, the open boundaries. Cost: linear in the octets. One thread at a time; the sink is
/// called from within `take` and `finish`.
class POSTROAD_EXPORT MailReader final {
 public:
  /// `sink` must outlive this.
  explicit MailReader(PartSink& sink, const MailLimits& limits = {});
  MailReader(const MailReader&) = delete;
  MailReader& operator=(const MailReader&) = delete;
  ~MailReader();
  void take(std::string_view octets);
  /// No more octets come: ends every part that is open.
  void finish();

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace postroad
