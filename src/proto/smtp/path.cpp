// Paths and parameters; see path.hpp.
#include "proto/smtp/path.hpp"

#include "base/text.hpp"
#include "mail/address/mailbox.hpp"

namespace postroad::smtp {

namespace {

Error bad(std::string why) { return fail(Fault::input, {}, std::move(why)); }

// A-d-l = At-domain *( "," At-domain ), then ":"; checked and dropped.
Result<void> eat_source_route(std::string_view& text) {
  for (;;) {
    if (text.empty() || text.front() != '@')
      return bad("a source route is a list of @domain, separated by commas");
    text.remove_prefix(1);
    const auto domain = mail::parse_domain(text);
    if (!domain) return domain.error();
    if (text.empty() || text.front() != ',') break;
    text.remove_prefix(1);
  }
  if (text.empty() || text.front() != ':') return bad("a colon is expected after the source route");
  text.remove_prefix(1);
  return {};
}

Result<Mailbox> eat_mailbox(std::string_view& text) {
  auto local = mail::parse_local_part(text);
  if (!local) return local.error();
  if (text.empty() || text.front() != '@') {
    if (iequals(*local, "postmaster")) return Mailbox{std::move(*local), {}};
    return bad("an @ and a domain are expected after the local part");
  }
  text.remove_prefix(1);
  auto domain = mail::parse_domain(text);
  if (!domain) return domain.error();
  return Mailbox{std::move(*local), std::move(*domain)};
}

bool is_keyword(std::string_view word) {
  if (word.empty() || !is_alnum(word.front())) return false;
  return std::all_of(word.begin(), word.end(), [](char c) { return is_alnum(c) || c == '-'; });
}

bool is_value(std::string_view word) {
  return !word.empty() && std::none_of(word.begin(), word.end(), [](char c) {
    return c == '=' || c == ' ' || is_control(c);
  });
}

int hex_digit(char c) { return is_digit(c) ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1; }

}  // namespace

Result<Mailbox> eat_path(std::string_view& text, PathRules rules) {
  const bool bracket = !text.empty() && text.front() == '<';
  if (!bracket && !rules.bare) return bad("the address must be in angle brackets");
  if (bracket) text.remove_prefix(1);
  if (bracket && !text.empty() && text.front() == '>') {
    text.remove_prefix(1);
    if (!rules.null) return bad("the null path is for MAIL FROM only");
    return Mailbox{};
  }
  if (bracket && !text.empty() && text.front() == '@') {
    const auto route = eat_source_route(text);
    if (!route) return route.error();
  }
  auto mailbox = eat_mailbox(text);
  if (!mailbox) return mailbox.error();
  if (bracket) {
    if (text.empty() || text.front() != '>') return bad("the closing angle bracket is missing");
    text.remove_prefix(1);
  }
  return mailbox;
}

Result<std::vector<Parameter>> parse_parameters(std::string_view text, std::size_t limit) {
  std::vector<Parameter> parameters;
  if (!text.empty() && text.front() != ' ') return bad("a space is expected after the path");
  while (!(text = trim(text)).empty()) {
    const auto word = text.substr(0, text.find(' '));
    text.remove_prefix(word.size());
    const auto equals = word.find('=');
    Parameter parameter{word.substr(0, equals), std::nullopt};
    if (equals != std::string_view::npos) parameter.value = word.substr(equals + 1);
    if (!is_keyword(parameter.keyword) || (parameter.value && !is_value(*parameter.value))) {
      return bad("malformed parameter: " + printable(word, 80));
    }
    for (const auto& other : parameters) {
      if (iequals(other.keyword, parameter.keyword))
        return bad("duplicate parameter: " + std::string(parameter.keyword));
    }
    if (parameters.size() == limit) return bad("too many parameters");
    parameters.push_back(parameter);
  }
  return parameters;
}

std::string encode_xtext(std::string_view text) {
  static constexpr std::string_view hex = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    if (c > ' ' && c < 0x7f && c != '+' && c != '=') {
      out += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += {'+', hex[byte >> 4], hex[byte & 15]};
    }
  }
  return out;
}

std::optional<std::string> decode_xtext(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c != '+') {
      if (c <= ' ' || c >= 0x7f || c == '=') return std::nullopt;
      out += c;
      continue;
    }
    if (i + 2 >= text.size() || hex_digit(text[i + 1]) < 0 || hex_digit(text[i + 2]) < 0)
      return std::nullopt;
    out += static_cast<char>(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2]));
    i += 2;
  }
  return out;
}

}  // namespace postroad::smtp
