// Parser and formatter of one mailbox (RFC 5321 §4.1.2). The grammar is in mailbox.hpp, the public
// type in postroad/mailbox.hpp. Not here: address lists (address.cpp).
#include "mail/address/mailbox.hpp"

#include <arpa/inet.h>

#include <ostream>

#include "base/text.hpp"

namespace postroad::mail {

namespace {

constexpr std::size_t max_local = 64;
constexpr std::size_t max_domain = 255;
constexpr std::size_t max_label = 63;

bool is_atext(char c) noexcept {
  return is_alnum(c) || is_8bit(c) ||
         std::string_view("!#$%&'*+-/=?^_`{|}~").find(c) != std::string_view::npos;
}

Error invalid(std::string why) { return fail(Fault::input, {}, std::move(why)); }

Result<std::string> parse_quoted(std::string_view& text) {
  std::string local;
  for (text.remove_prefix(1); !text.empty(); text.remove_prefix(1)) {
    if (text.front() == '"') {
      if (!is_utf8(local)) return invalid("the local part is not UTF-8");
      text.remove_prefix(1);
      return local;
    }
    if (text.front() == '\\' && text.size() > 1) text.remove_prefix(1);
    if (is_control(text.front()))
      return invalid("the quoted local part contains a control character");
    local += text.front();
    if (local.size() > max_local) return invalid("the local part is longer than 64 bytes");
  }
  return invalid("the closing quote of the local part is missing");
}

Result<std::string> parse_literal(std::string_view& text) {
  const auto end = text.find(']');
  if (end == std::string_view::npos)
    return invalid("the closing bracket of the address literal is missing");
  const std::string inner(text.substr(1, end - 1));
  unsigned char bytes[16];
  const bool v6 = istarts_with(inner, "IPv6:");
  if (v6 ? inet_pton(AF_INET6, inner.c_str() + 5, bytes) != 1
         : inet_pton(AF_INET, inner.c_str(), bytes) != 1) {
    return invalid("not an address literal; expected the form [192.0.2.1] or [IPv6:2001:db8::1]");
  }
  if (inner.find('\0') != std::string::npos) return invalid("the address literal contains a NUL");
  std::string literal(text.substr(0, end + 1));
  text.remove_prefix(end + 1);
  return literal;
}

}  // namespace

Result<std::string> parse_local_part(std::string_view& text) {
  if (!text.empty() && text.front() == '"') return parse_quoted(text);
  std::string local;
  while (!text.empty() && (is_atext(text.front()) || text.front() == '.')) {
    if (local.empty() && text.front() == '.') return invalid("the local part begins with a dot");
    local += text.front();
    if (local.size() > max_local) return invalid("the local part is longer than 64 bytes");
    text.remove_prefix(1);
  }
  if (local.empty()) return invalid("the local part is missing");
  if (!is_utf8(local)) return invalid("the local part is not UTF-8");
  return local;
}

Result<std::string> parse_domain(std::string_view& text) {
  if (!text.empty() && text.front() == '[') return parse_literal(text);
  std::string domain;
  std::size_t label = 0;
  while (!text.empty() && (is_alnum(text.front()) || is_8bit(text.front()) || text.front() == '-' ||
                           text.front() == '.' || text.front() == '_')) {
    const char c = text.front();
    if (c == '.' && label == 0) return invalid("the domain contains an empty label");
    if (c == '-' && label == 0) return invalid("a label of the domain begins with a hyphen");
    if (c == '.' && domain.back() == '-')
      return invalid("a label of the domain ends with a hyphen");
    label = c == '.' ? 0 : label + 1;
    if (label > max_label) return invalid("a label of the domain is longer than 63 bytes");
    domain += c;
    if (domain.size() > max_domain) return invalid("the domain is longer than 255 bytes");
    text.remove_prefix(1);
  }
  if (domain.empty()) return invalid("the domain is missing");
  if (label == 0) return invalid("the domain ends with a dot");
  if (domain.back() == '-') return invalid("the domain ends with a hyphen");
  if (!is_utf8(domain)) return invalid("the domain is not UTF-8");
  return domain;
}

bool is_domain(std::string_view name) {
  const auto domain = parse_domain(name);
  return domain && name.empty();
}

std::string quoted_string(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + '"';
}

std::string format_local_part(std::string_view local) {
  std::string_view rest = local;
  const auto plain = parse_local_part(rest);
  const bool is_dot_string = local.find("..") == std::string_view::npos && !local.ends_with('.');
  if (plain && rest.empty() && is_dot_string && local.front() != '"') return std::string(local);
  return quoted_string(local);
}

}  // namespace postroad::mail

namespace postroad {

Result<Mailbox> Mailbox::parse(std::string_view text) {
  std::string_view rest = text;
  const auto refuse = [&](std::string why) {
    const auto column = std::to_string(text.size() - rest.size() + 1);
    return fail(Fault::input, std::string(text), std::move(why) + " (column " + column + ")");
  };
  auto local = mail::parse_local_part(rest);
  if (!local) return refuse(local.error().detail);
  if (rest.empty() || rest.front() != '@') return refuse("expected @ after the local part");
  rest.remove_prefix(1);
  auto domain = mail::parse_domain(rest);
  if (!domain) return refuse(domain.error().detail);
  if (!rest.empty()) return refuse("unexpected text after the domain");
  return Mailbox{std::move(*local), std::move(*domain)};
}

std::string Mailbox::text() const {
  std::string out;
  append_to(out);
  return out;
}

void Mailbox::append_to(std::string& out) const {
  if (is_null()) return;
  out += mail::format_local_part(local);
  if (domain.empty()) return;
  out += '@';
  out += domain;
}

bool Mailbox::needs_utf8() const noexcept {
  return std::any_of(local.begin(), local.end(), is_8bit) ||
         std::any_of(domain.begin(), domain.end(), is_8bit);
}

bool operator==(const Mailbox& a, const Mailbox& b) noexcept {
  return a.local == b.local && iequals(a.domain, b.domain);
}

std::ostream& operator<<(std::ostream& out, const Mailbox& mailbox) {
  return out << printable(mailbox.text());
}

}  // namespace postroad
