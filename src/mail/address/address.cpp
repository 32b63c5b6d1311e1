// Scanner of address lists; see postroad/address.hpp.
#include <postroad/address.hpp>

#include "base/text.hpp"
#include "mail/address/mailbox.hpp"
#include "mail/header/words.hpp"

namespace postroad {

namespace {

Error bad(std::string why) { return fail(Fault::input, {}, std::move(why)); }

bool is_white(char c) noexcept { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

bool is_phrase_char(char c) noexcept {
  return !is_control(c) && std::string_view(" ()<>[]:;@\\,\"").find(c) == std::string_view::npos;
}

// Whether `name` can stand without quotes: it is read back with the same blanks, and nothing in it
// is decoded.
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
  Result<void> eat_comment();
  Result<void> eat_entry();
  Result<std::string> eat_phrase();
  Result<std::string> eat_quoted();
  Result<void> eat_bare(std::string_view start);
  Result<void> eat_angle(std::string name);
  Result<void> eat_route();
  Result<void> keep(Address address);
  Result<void> begin_group(std::string name);
  Result<void> end_group();
  Result<void> eat_next(bool& separated);
  void pass_over();
  [[nodiscard]] char peek() const noexcept { return rest_.empty() ? '\0' : rest_.front(); }
  [[nodiscard]] bool may_stand_alone(std::string_view local) const noexcept {
    return rules_.unqualified && !local.empty();
  }
  bool take(char c) noexcept;

  std::string_view text_;
  std::string_view rest_;
  AddressRules rules_;
  std::vector<Address> addresses_;
  std::string comment_;  // the last one passed, for `a@b (Name)`
  bool in_group_ = false;
  std::string group_;             // its name
  std::size_t before_group_ = 0;  // addresses
};

bool Scanner::take(char c) noexcept {
  if (rest_.empty() || rest_.front() != c) return false;
  rest_.remove_prefix(1);
  return true;
}

Result<void> Scanner::eat_comment() {
  comment_.clear();
  std::size_t depth = 0;
  do {
    if (rest_.empty()) return bad("a comment has no closing parenthesis");
    const char c = rest_.front();
    if (c == '(' && ++depth > max_comment_depth) return bad("comments nest too deeply");
    if (c == ')') --depth;
    const bool escape = c == '\\' && rest_.size() > 1;
    if (escape) rest_.remove_prefix(1);
    if (is_control(rest_.front()) && !is_white(rest_.front())) {
      return bad("a control character in a comment");
    }
    const bool edge = !escape && ((c == '(' && depth == 1) || (c == ')' && depth == 0));
    if (!edge) comment_ += rest_.front();
    rest_.remove_prefix(1);
  } while (depth > 0);
  return {};
}

Result<void> Scanner::skip_blanks() {
  while (!rest_.empty()) {
    if (is_white(rest_.front())) {
      rest_.remove_prefix(1);
    } else if (rest_.front() == '(') {
      if (auto comment = eat_comment(); !comment) return comment.error();
    } else {
      break;
    }
  }
  return {};
}

Result<std::string> Scanner::eat_quoted() {
  std::string words;
  for (rest_.remove_prefix(1); !rest_.empty(); rest_.remove_prefix(1)) {
    if (take('"')) return words;
    if (rest_.front() == '\\' && rest_.size() > 1) rest_.remove_prefix(1);
    const char c = rest_.front();
    if (c == '\0' || (is_control(c) && !is_white(c)))
      return bad("a control character in a quoted name");
    if (c != '\r' && c != '\n') words += c;
  }
  return bad("a quoted name has no closing quote");
}

// Words up to something that is not one; encoded-words stand in atoms only (RFC 2047 §5 rule 3).
Result<std::string> Scanner::eat_phrase() {
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
      auto quoted = eat_quoted();
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

// obs-route: read and dropped, as RFC 5322 §4.4 asks.
Result<void> Scanner::eat_route() {
  while (take('@')) {
    if (auto domain = mail::eat_domain(rest_); !domain) return domain.error();
    if (auto blanks = skip_blanks(); !blanks) return blanks.error();
    while (take(',')) {
      if (auto blanks = skip_blanks(); !blanks) return blanks.error();
    }
  }
  if (!take(':')) return bad("a colon is expected after the source route");
  return skip_blanks();
}

Result<void> Scanner::keep(Address address) {
  if (addresses_.size() == max_addresses) {
    return bad("more than " + std::to_string(max_addresses) + " addresses in one list");
  }
  if (rules_.groups) address.group = group_;
  addresses_.push_back(std::move(address));
  return {};
}

Result<void> Scanner::eat_angle(std::string name) {
  take('<');
  if (auto blanks = skip_blanks(); !blanks) return blanks.error();
  if (peek() == '>') return bad("an empty address; an address stands between the angle brackets");
  if (peek() == '@') {
    if (auto route = eat_route(); !route) return route.error();
  }
  auto local = mail::eat_local_part(rest_);
  if (!local) return local.error();
  Address address{std::move(name), {std::move(*local), {}}};
  if (auto blanks = skip_blanks(); !blanks) return blanks.error();
  const bool qualified = take('@');
  if (!qualified && !may_stand_alone(address.mailbox.local)) {
    return bad("an @ is expected after the local part");
  }
  if (qualified) {
    if (auto blanks = skip_blanks(); !blanks) return blanks.error();
    auto domain = mail::eat_domain(rest_);
    if (!domain) return domain.error();
    address.mailbox.domain = std::move(*domain);
  }
  if (auto blanks = skip_blanks(); !blanks) return blanks.error();
  if (!take('>')) return bad("the closing angle bracket is missing");
  return keep(std::move(address));
}

// An address without brackets; `start` is where its local part begins, at most one phrase back.
Result<void> Scanner::eat_bare(std::string_view start) {
  rest_ = start;
  auto local = mail::eat_local_part(rest_);
  if (!local) return local.error();
  Address address{{}, {std::move(*local), {}}};
  comment_.clear();
  if (auto blanks = skip_blanks(); !blanks) return blanks.error();
  if (take('@')) {
    if (auto blanks = skip_blanks(); !blanks) return blanks.error();
    auto domain = mail::eat_domain(rest_);
    if (!domain) return domain.error();
    address.mailbox.domain = std::move(*domain);
  } else if (!may_stand_alone(address.mailbox.local)) {
    return bad("an @ is expected after the local part");
  }
  if (auto blanks = skip_blanks(); !blanks) return blanks.error();
  if (peek() == '<') return bad("a name that holds an @ must be quoted: \"a@b\" <a@b>");
  address.name = trim(mail::decode_words(comment_));
  return keep(std::move(address));
}

Result<void> Scanner::eat_entry() {
  const auto start = rest_;
  auto phrase = eat_phrase();
  if (!phrase) return phrase.error();
  if (peek() == '<') return eat_angle(std::move(*phrase));
  if (peek() == ':' && !in_group_) return begin_group(std::move(*phrase));
  return eat_bare(start);
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
  auto kept = empty ? keep({}) : Result<void>();
  group_.clear();
  return kept;
}

// To the comma or semicolon behind what could not be read; those in quotes and comments are passed.
void Scanner::pass_over() {
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

// One comma, semicolon or entry. `separated`: an entry may come.
Result<void> Scanner::eat_next(bool& separated) {
  if (take(',')) {
    separated = true;
    return {};
  }
  if (in_group_ && take(';')) {
    separated = false;
    return end_group();
  }
  if (!separated) return bad("a comma is expected before the next address");
  const bool in_group = in_group_;
  auto entry = eat_entry();
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
    if (done) done = eat_next(separated);
    if (done) continue;
    if (!rules_.tolerant) return refuse(done.error().detail);
    if (addresses_.size() == max_addresses) break;
    pass_over();
    separated = false;
  }
  if (in_group_ && !rules_.tolerant) return refuse("the group has no closing semicolon");
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
