// The parser of MailReader: it divides the stream into lines, finds delimiters (RFC 2046 §5.1.1)
// and collects part headers; see postroad/mail_reader.hpp. Body lines that cannot be a delimiter
// are passed on in large pieces.
#include <postroad/mail_reader.hpp>

#include <algorithm>

#include "base/text.hpp"
#include "mail/header/fields.hpp"
#include "mail/header/media_type.hpp"
#include "mail/header/parameters.hpp"
#include "mail/header/whitespace.hpp"

namespace postroad {

namespace {

using mail::is_blank;

constexpr std::size_t max_boundary = 1000;  // RFC 2046 §5.1.1 allows 70
constexpr std::size_t max_padding = 1000;   // whitespace after a delimiter
constexpr std::size_t longest_delimiter = max_boundary + max_padding;  // without its LF

// Whether this line, with its line end, is the delimiter. Sets `last` for the closing delimiter.
bool is_delimiter(std::string_view line, std::string_view boundary, bool& last) noexcept {
  if (line.substr(2, boundary.size()) != boundary) return false;
  line.remove_prefix(2 + boundary.size());
  last = line.starts_with("--");
  if (last) line.remove_prefix(2);
  return line.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

bool is_field_line(std::string_view line) noexcept {
  const auto colon = line.find(':');
  if (colon == std::string_view::npos) return false;
  auto name = line.substr(0, colon);
  while (!name.empty() && is_blank(name.back())) name.remove_suffix(1);
  return mail::is_field_name(name);
}

std::string_view line_end_of(std::string_view text) noexcept {
  if (text.ends_with("\r\n")) return "\r\n";
  return text.ends_with('\n') ? "\n" : text.ends_with('\r') ? "\r" : "";
}

ParameterizedValue value_of(const PartHead& head, std::string_view name) {
  const auto* field = head.find(name);
  return field == nullptr ? ParameterizedValue{} : mail::parse_parameterized(field->value());
}

}  // namespace

PartSink::~PartSink() = default;

const HeaderField* PartHead::find(std::string_view name) const noexcept {
  return mail::find_field(fields, name);
}

class MailReader::State final {
 public:
  State(PartSink& sink, const MailLimits& limits) : sink_(sink), limits_(limits) {}
  void take(std::string_view bytes);
  void finish();

 private:
  enum class Place : std::uint8_t { head, leaf, between };  // between: a preamble or an epilogue
  struct Open {
    std::string boundary;  // of a multipart whose parts are reported; else empty
    bool digest = false;   // the default type of its parts is message/rfc822
    bool cut = false;
    bool over = false;  // its closing delimiter was seen
  };

  std::string_view take_body(std::string_view bytes);
  std::string_view gather_line(std::string_view bytes);
  void take_line(std::string_view line);
  void take_head_line(std::string_view line, std::uint64_t start);
  bool take_delimiter(std::string_view line, std::uint64_t start);
  [[nodiscard]] PartHead make_head(std::string_view text) const;
  void end_head(std::uint64_t body_offset, bool cut);
  void close_to(std::size_t count, std::uint64_t offset);
  void pass(std::string_view bytes, bool ends_line);
  [[nodiscard]] bool has_delimiter() const noexcept;
  [[nodiscard]] std::size_t longest_partial() const noexcept;

  PartSink& sink_;
  MailLimits limits_;
  std::vector<Open> open_;  // parts that have begun, outermost first
  Place place_ = Place::head;
  bool in_line_ = false;   // within a body line that is not a delimiter
  std::string head_;       // the incomplete header
  std::string partial_;    // an incomplete line
  std::string_view held_;  // a line end that belongs to the next line if that is a delimiter
  std::uint64_t at_ = 0;   // offset in the message
  std::uint64_t header_offset_ = 0;
  std::size_t parts_ = 1;
};

bool MailReader::State::has_delimiter() const noexcept {
  return std::any_of(open_.begin(), open_.end(),
                     [](const Open& one) { return !one.boundary.empty() && !one.over; });
}

// How many bytes of an incomplete line are kept before it is treated as an ordinary line.
std::size_t MailReader::State::longest_partial() const noexcept {
  if (place_ != Place::head) return longest_delimiter;
  const auto room = limits_.header - std::min(limits_.header, head_.size());
  const auto front = std::string_view(partial_).substr(0, 2);
  const bool ends_head = partial_ == "\r" || (has_delimiter() && (front == "-" || front == "--"));
  return ends_head ? std::max(room, longest_delimiter) : room;
}

void MailReader::State::pass(std::string_view bytes, bool ends_line) {
  if (bytes.empty()) return;
  const bool leaf = place_ == Place::leaf;
  if (held_ == "\r" && bytes == "\n") {
    held_ = "\r\n";
    return;
  }
  if (leaf && !held_.empty()) sink_.body(held_);
  held_ = ends_line || bytes.ends_with('\r') ? line_end_of(bytes) : std::string_view();
  bytes.remove_suffix(held_.size());
  if (leaf && !bytes.empty()) sink_.body(bytes);
}

// Takes everything up to the next line that may be a delimiter, in one piece.
std::string_view MailReader::State::take_body(std::string_view bytes) {
  if (!has_delimiter()) {
    if (place_ == Place::leaf) {
      if (!held_.empty()) sink_.body(held_);
      sink_.body(bytes);
    }
    held_ = {};
    at_ += bytes.size();
    return {};
  }
  std::size_t at = 0;
  bool starts_line = !in_line_;
  while (at < bytes.size()) {
    if (starts_line && bytes[at] == '-' && (at + 1 == bytes.size() || bytes[at + 1] == '-')) break;
    const auto lf = bytes.find('\n', at);
    starts_line = lf != std::string_view::npos;
    at = starts_line ? lf + 1 : bytes.size();
  }
  pass(bytes.substr(0, at), starts_line);
  at_ += at;
  bytes.remove_prefix(at);
  in_line_ = !starts_line;
  return bytes.empty() ? bytes : gather_line(bytes);
}

std::string_view MailReader::State::gather_line(std::string_view bytes) {
  const auto lf = bytes.find('\n');
  const auto length = lf == std::string_view::npos ? bytes.size() : lf + 1;
  const auto rest = bytes.substr(length);
  bytes = bytes.substr(0, length);
  if (partial_.empty() && lf != std::string_view::npos) {
    take_line(bytes);
    return rest;
  }
  partial_ += bytes;
  const bool whole = lf != std::string_view::npos;
  if (!whole && partial_.size() <= longest_partial()) return rest;
  const bool head = place_ == Place::head;
  const auto line = std::exchange(partial_, {});
  if (whole) {
    take_line(line);
  } else if (head) {
    end_head(at_, true);
    take(line);
  } else {
    pass(line, false);
    at_ += line.size();
    in_line_ = true;
  }
  return rest;
}

void MailReader::State::take(std::string_view bytes) {
  while (!bytes.empty()) {
    const bool body = place_ != Place::head && partial_.empty();
    bytes = body ? take_body(bytes) : gather_line(bytes);
  }
}

void MailReader::State::take_line(std::string_view line) {
  const auto start = at_;
  at_ += line.size();
  if (take_delimiter(line, start)) return;
  if (place_ == Place::head) return take_head_line(line, start);
  pass(line, line.ends_with('\n'));
  in_line_ = !line.ends_with('\n');
}

void MailReader::State::take_head_line(std::string_view line, std::uint64_t start) {
  if (line == "\r\n" || line == "\n") return end_head(at_, false);
  const bool continues = is_blank(line.front()) && !head_.empty();
  const bool fits = head_.size() + line.size() <= limits_.header;
  if (fits && (continues || is_field_line(line))) {
    head_ += line;
    return;
  }
  // A line that is not a field ends the header, as in other mail programs.
  end_head(start, !fits);
  if (take_delimiter(line, start)) return;  // a delimiter of the multipart that has just begun
  if (place_ == Place::head) return take_head_line(line, start);
  pass(line, line.ends_with('\n'));
  in_line_ = !line.ends_with('\n');
}

bool MailReader::State::take_delimiter(std::string_view line, std::uint64_t start) {
  if (!line.starts_with("--") || line.size() > longest_delimiter + 1) return false;
  bool last = false;
  const auto found = std::find_if(open_.begin(), open_.end(), [&](const Open& one) {
    return !one.boundary.empty() && !one.over && is_delimiter(line, one.boundary, last);
  });
  if (found == open_.end()) return false;
  const auto index = static_cast<std::size_t>(found - open_.begin());
  while (place_ == Place::head) end_head(start, false);
  close_to(index + 1, start - held_.size());
  held_ = {};
  in_line_ = false;
  auto& part = open_[index];
  part.cut = part.cut || (!last && parts_ >= limits_.parts);
  part.over = last || part.cut;
  place_ = part.over ? Place::between : Place::head;
  if (part.over) return true;
  ++parts_;
  head_.clear();
  header_offset_ = at_;
  return true;
}

// Parses a header and applies the defaults of RFC 2045 §5.2 and RFC 2046 §5.1.5.
PartHead MailReader::State::make_head(std::string_view text) const {
  PartHead head;
  head.header = text;
  head.fields = mail::split_fields(text, std::string::npos).fields;
  head.header_offset = header_offset_;
  head.type = value_of(head, "Content-Type");
  const bool digest = !open_.empty() && open_.back().digest;
  if (digest && head.find("Content-Type") == nullptr) {
    head.type.value = "message/rfc822";
  } else if (head.type.value.find('/') == std::string::npos) {
    head.type.value = "text/plain";
  }
  head.disposition = value_of(head, "Content-Disposition");
  head.encoding = value_of(head, "Content-Transfer-Encoding").value;
  return head;
}

void MailReader::State::end_head(std::uint64_t body_offset, bool cut) {
  const auto text = std::exchange(head_, {});
  auto head = make_head(text);
  head.body_offset = body_offset;
  head.cut = cut;
  const auto boundary = head.type.find("boundary");
  const bool multipart = head.type.value.starts_with("multipart/") && !boundary.empty() &&
                         boundary.size() <= max_boundary;
  // An encoded message, which message/global may be (RFC 6532 §3.7), is reported as a leaf.
  const bool message = mail::is_message_type(head.type.value) && head.encoding != "base64" &&
                       head.encoding != "quoted-printable";
  Open part;
  part.cut = ((multipart || message) && open_.size() + 1 >= limits_.depth) ||
             (message && parts_ >= limits_.parts);
  if (multipart && !part.cut) part.boundary = boundary;
  part.digest = head.type.value == "multipart/digest";
  const bool nests = message && !part.cut;
  place_ = nests ? Place::head : part.boundary.empty() ? Place::leaf : Place::between;
  in_line_ = false;
  held_ = {};
  sink_.begin(head);
  open_.push_back(std::move(part));
  if (!nests) return;
  ++parts_;
  header_offset_ = body_offset;
}

void MailReader::State::close_to(std::size_t count, std::uint64_t offset) {
  for (; open_.size() > count; open_.pop_back()) sink_.end(offset, open_.back().cut);
}

void MailReader::State::finish() {
  if (!partial_.empty()) take_line(std::exchange(partial_, {}));
  while (place_ == Place::head) end_head(at_, false);
  if (place_ == Place::leaf && !held_.empty()) sink_.body(held_);
  held_ = {};
  close_to(0, at_);
}

MailReader::MailReader(PartSink& sink, const MailLimits& limits)
    : state_(std::make_unique<State>(sink, limits)) {}
MailReader::~MailReader() = default;
void MailReader::take(std::string_view bytes) { state_->take(bytes); }
void MailReader::finish() { state_->finish(); }

}  // namespace postroad
