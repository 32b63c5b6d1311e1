// Parser of address lists (RFC 5322 §3.4); grammar and limits are in postroad/address.hpp. Local
// parts and domains are parsed in mailbox.cpp. Not here: writing an address field
// (header/fold.hpp).
#include <postroad/address.hpp>

#include "base/text.hpp"
#include "mail/address/mailbox.hpp"
#include "mail/header/whitespace.hpp"
#include "mail/header/words.hpp"

namespace postroad {

namespace {

using mail::is_whitespace;

Error invalid(std::string why) { return fail(Fault::input, {}, std::move(why)); }

bool is_phrase_char(char c) noexcept {
  return !is_control(c) && std::string_view(" ()<>[]:;@\\,\"").find(c) == std::string_view::npos;
}

// Whether `name` needs no quotes: parsing it keeps its whitespace and decodes nothing.
bool is_phrase(std::string_view name) noexcept {
  return name.find("=?") == std::string_view::npos && trim(name).size() == name.size() &&
         name.find("  ") == std::string_view::npos &&
         std::all_of(name.begin(), name.end(),
                     [](char c) { return c == ' ' || is_phrase_char(c); });
}

class Scanner final {
 public:
  Scanner(std::string_view text, AddressRules rules) : text_(text), rest_(text), rules_(rules) {}
  Result<std::vector<Address>> list();

 private:
  Result<void> skip_blanks();
  Result<void> parse_comment();
  Result<void> parse_entry();
  Result<std::string> parse_phrase();
  Result<std::string> parse_quoted();
  Result<void> parse_bare(std::string_view start);
  Result<void> parse_angle(std::string name);
  Result<void> parse_route();
  Result<void> append(Address address);
  Result<void> begin_group(std::string name);
  Result<void> end_group();
  Result<void> parse_next(bool& separated);
  void skip_unreadable();
  [[nodiscard]] char peek() const noexcept { return rest_.empty() ? '\0' : rest_.front(); }
  [[nodiscard]] bool is_allowed_alone(std::string_view local) const noexcept {
    return rules_.unqualified && !local.empty();
  }
  bool take(char c) noexcept;

  std::string_view text_;
  std::string_view rest_;
  AddressRules rules_;
  std::vector<Address> addresses_;
  std::string comment_;  // the last comment, for `a@b (Name)`
  bool in_group_ = false;
  std::string group_;             // name of the open group
  std::size_t before_group_ = 0;  // number of addresses when it began
};

bool Scanner::take(char c) noexcept {
  if (rest_.empty() || rest_.front() != c) return false;
  rest_.remove_prefix(1);
  return true;
}

Result<void> Scanner::parse_comment() {
  comment_.clear();
  std::size_t depth = 0;
  do {
    if (rest_.empty()) return invalid("the closing parenthesis of a comment is missing");
    const char c = rest_.front();
    if (c == '(' && ++depth > max_comment_depth)
      return invalid("comments are nested deeper than " + std::to_string(max_comment_depth));
    if (c == ')') --depth;
    const bool escape = c == '\\' && rest_.size() > 1;
    if (escape) rest_.remove_prefix(1);
    if (is_control(rest_.front()) && !is_whitespace(rest_.front())) {
      return invalid("a comment contains a control character");
    }
    const bool edge = !escape && ((c == '(' && depth == 1) || (c == ')' && depth == 0));
    if (!edge) comment_ += rest_.front();
    rest_.remove_prefix(1);
  } while (depth > 0);
  return {};
}

Result<void> Scanner::skip_blanks() {
  while (!rest_.empty()) {
    if (is_whitespace(rest_.front())) {
      rest_.remove_prefix(1);
    } else if (rest_.front() == '(') {
      if (auto comment = parse_comment(); !comment) return comment.error();
    } else {
      break;
    }
  }
  return {};
}

Result<std::string> Scanner::parse_quoted() {
  std::string words;
  for (rest_.remove_prefix(1); !rest_.empty(); rest_.remove_prefix(1)) {
    if (take('"')) return words;
    if (rest_.front() == '\\' && rest_.size() > 1) rest_.remove_prefix(1);
    const char c = rest_.front();
    if (c == '\0' || (is_control(c) && !is_whitespace(c)))
      return invalid("a quoted name contains a control character");
    if (c != '\r' && c != '\n') words += c;
  }
  return invalid("the closing quote of a name is missing");
}

// Parses atoms and quoted strings. Encoded-words are decoded in atoms only (RFC 2047 §5 rule 3).
Result<std::string> Scanner::parse_phrase() {
  std::string phrase;
  std::string atoms;
  const auto flush = [&] {
    if (atoms.empty()) return;
    phrase += (phrase.empty() ? "" : " ") + mail::decode_words(atoms);
    atoms.clear();
  };
  for (;;) {
    if (auto blanks = skip_blanks(); !blanks) return blanks.error();
    if (peek() == '"') {
      flush();
      auto quoted = parse_quoted();
      if (!quoted) return quoted.error();
      phrase += (phrase.empty() ? "" : " ") + *quoted;
      continue;
    }
    std::size_t length = 0;
    while (length < rest_.size() && is_phrase_char(rest_[length])) ++length;
    if (length == 0) break;
    atoms += (atoms.empty() ? "" : " ") + std::string(rest_.substr(0, length));
    rest_.remove_prefix(length);
  }
  flush();
  return std::string(trim(phrase));
}

// obs-route: parsed and ignored (RFC 5322 §4.4).
Result<void> Scanner::parse_route() {
  while (take('@')) {
    if (auto domain = mail::parse_domain(rest_); !domain) return domain.error();
    if (auto blanks = skip_blanks(); !blanks) return blanks.error();
    while (take(',')) {
      if (auto blanks = skip_blanks(); !blanks) return blanks.error();
    }
  }
  if (!take(':')) return invalid("expected a colon after the source route");
  return skip_blanks();
}

Result<void> Scanner::append(Address address) {
  if (addresses_.size() == max_addresses) {
    return invalid("more than " + std::to_string(max_addresses) + " addresses in one list");
  }
  if (rules_.groups) address.group = group_;
  addresses_.push_back(std::move(address));
  return {};
}

Result<void> Scanner::parse_angle(std::string name) {
  take('<');
  if (auto blanks = skip_blanks(); !blanks) return blanks.error();
  if (peek() == '>') return invalid("no address between the angle brackets");
  if (peek() == '@') {
    if (auto route = parse_route(); !route) return route.error();
  }
  auto local = mail::parse_local_part(rest_);
  if (!local) return local.error();
  Address address{std::move(name), {std::move(*local), {}}};
  if (auto blanks = skip_blanks(); !blanks) return blanks.error();
  const bool qualified = take('@');
  if (!qualified && !is_allowed_alone(address.mailbox.local))
    return invalid("expected @ after the local part");
  if (qualified) {
    if (auto blanks = skip_blanks(); !blanks) return blanks.error();
    auto domain = mail::parse_domain(rest_);
    if (!domain) return domain.error();
    address.mailbox.domain = std::move(*domain);
  }
  if (auto blanks = skip_blanks(); !blanks) return blanks.error();
  if (!take('>')) return invalid("the closing angle bracket is missing");
  return append(std::move(address));
}

// An address without angle brackets. `start` is where its local part begins, at most one phrase
// back.
Result<void> Scanner::parse_bare(std::string_view start) {
  rest_ = start;
  auto local = mail::parse_local_part(rest_);
  if (!local) return local.error();
  Address address{{}, {std::move(*local), {}}};
  comment_.clear();
  if (auto blanks = skip_blanks(); !blanks) return blanks.error();
  if (take('@')) {
    if (auto blanks = skip_blanks(); !blanks) return blanks.error();
    auto domain = mail::parse_domain(rest_);
    if (!domain) return domain.error();
    address.mailbox.domain = std::move(*domain);
  } else if (!is_allowed_alone(address.mailbox.local)) {
    return invalid("expected @ after the local part");
  }
  if (auto blanks = skip_blanks(); !blanks) return blanks.error();
  if (peek() == '<') return invalid("a display name with @ must be quoted: \"a@b\" <a@b>");
  address.name = trim(mail::decode_words(comment_));
  return append(std::move(address));
}

Result<void> Scanner::parse_entry() {
  const auto start = rest_;
  auto phrase = parse_phrase();
  if (!phrase) return phrase.error();
  if (peek() == '<') return parse_angle(std::move(*phrase));
  if (peek() == ':' && !in_group_) return begin_group(std::move(*phrase));
  return parse_bare(start);
}

Result<void> Scanner::begin_group(std::string name) {
  in_group_ = take(':');
  group_ = std::move(name);
  before_group_ = addresses_.size();
  return {};
}

Result<void> Scanner::end_group() {
  in_group_ = false;
  const bool empty = rules_.groups && addresses_.size() == before_group_ && !group_.empty();
  auto kept = empty ? append({}) : Result<void>();
  group_.clear();
  return kept;
}

// Skips to the comma or semicolon after unreadable text, ignoring those in quotes and comments.
void Scanner::skip_unreadable() {
  bool quoted = false;
  std::size_t depth = 0;
  for (; !rest_.empty(); rest_.remove_prefix(1)) {
    const char c = rest_.front();
    if (c == '\\' && rest_.size() > 1) {
      rest_.remove_prefix(1);
    } else if (c == '"' && depth == 0) {
      quoted = !quoted;
    } else if (!quoted && c == '(') {
      ++depth;
    } else if (!quoted && c == ')' && depth > 0) {
      --depth;
    } else if (!quoted && depth == 0 && (c == ',' || (c == ';' && in_group_))) {
      return;
    }
  }
}

// Parses one comma, semicolon or entry. `separated`: an entry is allowed next.
Result<void> Scanner::parse_next(bool& separated) {
  if (take(',')) {
    separated = true;
    return {};
  }
  if (in_group_ && take(';')) {
    separated = false;
    return end_group();
  }
  if (!separated) return invalid("expected a comma before the next address");
  const bool in_group = in_group_;
  auto entry = parse_entry();
  separated = in_group_ && !in_group;
  return entry;
}

Result<std::vector<Address>> Scanner::list() {
  const auto refuse = [&](std::string why) {
    const auto column = std::to_string(text_.size() - rest_.size() + 1);
    return fail(Fault::input, std::string(text_.substr(0, 120)),
                std::move(why) + " (column " + column + ")");
  };
  if (text_.size() > max_address_list) return refuse("the list is longer than 1 MiB");
  bool separated = true;
  for (;;) {
    auto done = skip_blanks();
    if (done && rest_.empty()) break;
    if (done) done = parse_next(separated);
    if (done) continue;
    if (!rules_.tolerant) return refuse(done.error().detail);
    if (addresses_.size() == max_addresses) break;
    skip_unreadable();
    separated = false;
  }
  if (in_group_ && !rules_.tolerant) return refuse("the closing semicolon of a group is missing");
  return std::move(addresses_);
}

}  // namespace

std::string Address::text() const {
  if (name.empty()) return mailbox.text();
  return (is_phrase(name) ? name : mail::quoted_string(name)) + " <" + mailbox.text() + '>';
}

Result<std::vector<Address>> parse_address_list(std::string_view text, AddressRules rules) {
  return Scanner(text, rules).list();
}

}  // namespace postroad
