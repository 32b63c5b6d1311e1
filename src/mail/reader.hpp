// A mail taken apart while its octets stream by (RFC 2046 §5): heads and bodies of its parts, told
// to a sink. Never fails: mail that arrived has to be read, however broken; a limit that stops the
// reading is told with the part's end. Memory: one header, one line that may be a delimiter, the
// open boundaries. Cost: linear in the octets.
//
// Not here: keeping the parts (parse.hpp), what a body says (part.hpp, decoder.hpp).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "mail/fields.hpp"
#include "mail/parameters.hpp"

namespace postroad::mail {

struct ParseLimits {
  std::size_t depth = 32;            ///< of parts in parts
  std::size_t parts = 1000;          ///< in the whole mail
  std::size_t header = 1024 * 1024;  ///< octets of one header
};

/// The head of a part. Views live as long as the call.
struct PartHead {
  std::string_view header;    ///< its octets, without the empty line
  std::vector<Field> fields;  ///< in the order of the header
  ParameterizedValue type;    ///< of Content-Type; "text/plain" where none or nonsense is given
  ParameterizedValue disposition;   ///< of Content-Disposition
  std::string encoding;             ///< of Content-Transfer-Encoding, lower case
  std::uint64_t header_offset = 0;  ///< from the front of the mail
  std::uint64_t body_offset = 0;
  bool cut = false;  ///< the header was longer than the limit

  /// The first field of that name, case ignored; null when there is none.
  [[nodiscard]] const Field* find(std::string_view name) const noexcept;
};

/// What a Reader tells. Parts nest: `begin` … `begin` … `end` … `end`.
class PartSink {
 public:
  virtual ~PartSink() = default;
  virtual void begin(const PartHead& head) = 0;
  /// Octets of the body of the part that began last and has no parts: as they came, still encoded,
  /// in pieces of any size.
  virtual void body(std::string_view octets) = 0;
  /// The part is over; its body ended at `offset`. `cut`: a limit kept its own parts from being
  /// read: of the depth, they were told as body; of the number, those beyond it were passed over.
  virtual void end(std::uint64_t offset, bool cut) = 0;
};

/// One mail. One thread at a time.
class Reader final {
 public:
  /// `sink` must outlive this.
  explicit Reader(PartSink& sink, const ParseLimits& limits = {});
  void take(std::string_view octets);
  /// No more octets come: ends every part that is open.
  void finish();

 private:
  enum class Place : std::uint8_t { head, leaf, between };  // between: a preamble or an epilogue
  struct Open {
    std::string boundary;  // of a multipart whose parts are told; else empty
    bool cut = false;
    bool over = false;  // its closing delimiter was passed
  };

  std::string_view take_body(std::string_view octets);
  std::string_view gather_line(std::string_view octets);
  void take_line(std::string_view line);
  void take_head_line(std::string_view line, std::uint64_t start);
  bool take_delimiter(std::string_view line, std::uint64_t start);
  void end_head(std::uint64_t body_offset, bool cut);
  void close_to(std::size_t count, std::uint64_t offset);
  void pass(std::string_view octets, bool ends_line);
  [[nodiscard]] bool has_delimiter() const noexcept;
  [[nodiscard]] std::size_t longest_partial() const noexcept;

  PartSink& sink_;
  ParseLimits limits_;
  std::vector<Open> open_;  // parts that have begun, outermost first
  Place place_ = Place::head;
  bool in_line_ = false;   // of a body, in a line that is no delimiter
  std::string head_;       // the header that is being read
  std::string partial_;    // a line that has not ended
  std::string_view held_;  // a line end that belongs to the next line if that is a delimiter
  std::uint64_t at_ = 0;   // octets passed
  std::uint64_t header_offset_ = 0;
  std::size_t parts_ = 1;
};

}  // namespace postroad::mail
