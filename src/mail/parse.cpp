// The MIME tree; see parse.hpp.
#include "mail/parse.hpp"

#include "base/text.hpp"

namespace postroad::mail {

namespace {

class Reader final {
 public:
  explicit Reader(const ParseLimits& limits) : limits_(limits) {}
  Part read(std::string_view octets, std::size_t depth);

 private:
  void read_multipart(Part& part, std::size_t depth);
  bool add(Part& part, std::string_view octets, std::size_t depth);
  const ParseLimits& limits_;
  std::size_t count_ = 1;
};

ParameterizedValue value_of(const Part& part, std::string_view name) {
  const auto* field = part.find(name);
  return field == nullptr ? ParameterizedValue{} : parse_parameterized(field->value());
}

// Is this line, without its line end, the delimiter? `last` tells the closing one.
bool is_delimiter(std::string_view line, std::string_view boundary, bool& last) noexcept {
  if (!line.starts_with("--") || line.substr(2, boundary.size()) != boundary) return false;
  line.remove_prefix(2 + boundary.size());
  last = line.starts_with("--");
  if (last) line.remove_prefix(2);
  return line.find_first_not_of(" \t\r") == std::string_view::npos;
}

// The line end before a delimiter belongs to the delimiter (RFC 2046 §5.1.1).
std::string_view without_line_end(std::string_view text) noexcept {
  if (text.ends_with('\n')) text.remove_suffix(1);
  if (text.ends_with('\r')) text.remove_suffix(1);
  return text;
}

bool Reader::add(Part& part, std::string_view octets, std::size_t depth) {
  if (count_ >= limits_.parts) {
    part.cut = true;
    return false;
  }
  ++count_;
  part.parts.push_back(read(octets, depth));
  return true;
}

void Reader::read_multipart(Part& part, std::size_t depth) {
  const std::string boundary(part.type.find("boundary"));
  const auto text = part.body;
  std::size_t begin = std::string_view::npos;  // of the part we are in
  std::size_t at = 0;
  while (at < text.size()) {
    const auto lf = text.find('\n', at);
    const auto next = lf == std::string_view::npos ? text.size() : lf + 1;
    bool last = false;
    if (is_delimiter(without_line_end(text.substr(at, next - at)), boundary, last)) {
      const bool inside = begin != std::string_view::npos;
      if (inside && !add(part, without_line_end(text.substr(begin, at - begin)), depth)) return;
      if (last) return;
      begin = next;
    }
    at = next;
  }
  if (begin != std::string_view::npos) add(part, text.substr(begin), depth);
}

Part Reader::read(std::string_view octets, std::size_t depth) {
  Part part;
  auto block = split_fields(octets, limits_.header);
  part.fields = std::move(block.fields);
  part.cut = !block.complete && block.body >= limits_.header;
  part.body = octets.substr(block.body);
  part.type = value_of(part, "Content-Type");
  if (part.type.value.find('/') == std::string::npos) part.type.value = "text/plain";
  part.disposition = value_of(part, "Content-Disposition");
  const bool nests = (part.is_multipart() && !part.type.find("boundary").empty()) ||
                     part.type.value == "message/rfc822";
  if (nests && depth >= limits_.depth) {
    part.cut = true;
  } else if (nests && part.is_multipart()) {
    read_multipart(part, depth + 1);
  } else if (nests) {
    add(part, part.body, depth + 1);
  }
  return part;
}

}  // namespace

Part parse_message(std::string_view octets, const ParseLimits& limits) {
  return Reader(limits).read(octets, 1);
}

}  // namespace postroad::mail
