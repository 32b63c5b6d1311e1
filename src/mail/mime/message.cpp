// The setters of Message for header fields, and its envelope; see postroad/message.hpp.
// Not here: bodies and attachments (message_body.cpp), composing (compose.cpp).
#include <postroad/message.hpp>

#include <array>
#include <atomic>
#include <set>

#include "base/text.hpp"
#include "mail/address/mailbox.hpp"
#include "mail/header/date.hpp"
#include "mail/header/fields.hpp"
#include "mail/header/fold.hpp"
#include "mail/mime/compose.hpp"
#include "mail/mime/message_state.hpp"

namespace postroad {

namespace {

using mail::Draft;
using mail::refuse;
using mail::remember;

constexpr std::size_t max_field_name = 76;  // of a field, so that it fits on one line
constexpr std::size_t max_message_id = 512;

// Whether `text` is valid as a header value; stores the error if not.
bool check_line(Draft& draft, std::string where, std::string_view text) {
  auto error = mail::check_line(std::move(where), text);
  if (error) remember(draft, std::move(*error));
  return !error;
}

void add_list(Draft& draft, std::vector<Address>& into, std::string_view field,
              std::string_view list) {
  if (!check_line(draft, std::string(field), list)) return;
  auto parsed = parse_address_list(list, {.unqualified = true, .groups = true});
  if (!parsed) {
    auto error = parsed.error();
    error.where = std::string(field) + " \"" + error.where + '"';
    return remember(draft, std::move(error));
  }
  into.insert(into.end(), parsed->begin(), parsed->end());
}

// The first address without a domain. The bare postmaster needs none (RFC 5321 §4.1.1.3).
std::optional<Error> find_unqualified(const Draft& draft) {
  if (!draft.default_domain.empty()) return std::nullopt;
  for (const auto* list :
       {&draft.from, &draft.sender, &draft.reply_to, &draft.to, &draft.cc, &draft.bcc}) {
    for (const auto& address : *list) {
      if (!address.mailbox.domain.empty() || address.mailbox.is_null() ||
          iequals(address.mailbox.local, "postmaster"))
        continue;
      return fail(Fault::input, address.mailbox.local,
                  "expected @ and a domain after the local part; or set default_domain()");
    }
  }
  return std::nullopt;
}

std::optional<Error> find_unqualified_raw(const Draft& draft) {
  if (!draft.raw) return std::nullopt;
  Draft header;
  header.default_domain = draft.default_domain;
  header.to = draft.raw->recipients;
  return find_unqualified(header);
}

bool is_message_id(std::string_view id) {
  if (id.size() < 5 || id.size() > max_message_id || !id.starts_with('<') || !id.ends_with('>'))
    return false;
  const auto inner = id.substr(1, id.size() - 2);
  const auto at = inner.find('@');
  if (at == std::string_view::npos || at == 0 || at + 1 == inner.size()) return false;
  return std::all_of(inner.begin(), inner.end(),
                     [](char c) { return c > ' ' && c < 0x7f && c != '<' && c != '>'; });
}

// Parses `<a@b> <c@d>`, or a single id without brackets.
void set_ids(Draft& draft, std::vector<std::string>& into, std::string_view field,
             std::string_view ids) {
  into.clear();
  for (const auto word : split(ids, ' ')) {
    if (word.empty()) continue;
    auto id = word.starts_with('<') ? std::string(word) : '<' + std::string(word) + '>';
    if (!is_message_id(id)) {
      return refuse(
          draft, std::string(field),
          "expected <left@right>, separated by spaces; got \"" + printable(ids, 80) + '"');
    }
    into.push_back(std::move(id));
  }
}

// Fields that header() must not set: composing or the transport writes them.
bool is_structural(std::string_view name) {
  return iequals(name, "MIME-Version") || istarts_with(name, "Content-") ||
         istarts_with(name, "Resent-") || iequals(name, "Date") || iequals(name, "Received") ||
         iequals(name, "Return-Path");
}

bool has_overlong_word(std::string_view name, std::string_view value) {
  mail::FoldedField field(name);
  field.plain(value);
  const auto text = std::move(field).finish();
  const auto lines = split(text, '\n');
  return std::any_of(lines.begin(), lines.end(),
                     [](std::string_view line) { return line.size() > mail::max_line + 1; });
}

void add_field(Draft& draft, std::string_view name, std::string_view value) {
  if (!mail::is_field_name(name) || name.size() > max_field_name) {
    return refuse(draft, "header name",
                  "invalid field name \"" + printable(name, 80) +
                      "\"; use at most 76 printable ASCII characters without colon and space");
  }
  const std::string where(name);
  if (is_structural(name)) {
    return refuse(draft, where,
                  "this field cannot be set: it is composed; use raw() for a whole message");
  }
  if (!check_line(draft, where, value)) return;
  if (!std::any_of(value.begin(), value.end(), is_8bit) && has_overlong_word(name, value)) {
    return refuse(draft, where, "a word is too long for a line of 998 bytes");
  }
  draft.fields.emplace_back(where, value);
}

}  // namespace

Message::Message() noexcept = default;
Message::Message(Message&& other) noexcept = default;
Message& Message::operator=(Message&& other) noexcept = default;
Message::~Message() = default;
Message::Message(const Message& other) = default;
Message& Message::operator=(const Message& other) = default;

Message::State& Message::edit() {
  if (!state_) {
    state_ = std::make_shared<State>();
  } else if (state_.use_count() > 1) {
    state_ = std::make_shared<State>(*state_);
  } else {
    // Another thread may have released its copy: see its reads of the state before this write.
    std::atomic_thread_fence(std::memory_order_acquire);
  }
  return *state_;
}

const Message::State& Message::view() const {
  static const State empty;
  return state_ ? *state_ : empty;
}

Message& Message::from(std::string_view list) & {
  add_list(edit(), edit().from, "From", list);
  return *this;
}

Message& Message::sender(std::string_view address) & {
  auto& state = edit();
  state.sender.clear();
  add_list(state, state.sender, "Sender", address);
  if (state.sender.size() > 1)
    refuse(state, "Sender", "more than one address; Sender has exactly one (RFC 5322 §3.6.2)");
  return *this;
}

Message& Message::reply_to(std::string_view list) & {
  add_list(edit(), edit().reply_to, "Reply-To", list);
  return *this;
}

Message& Message::to(std::string_view list) & {
  add_list(edit(), edit().to, "To", list);
  return *this;
}

Message& Message::cc(std::string_view list) & {
  add_list(edit(), edit().cc, "Cc", list);
  return *this;
}

Message& Message::bcc(std::string_view list) & {
  add_list(edit(), edit().bcc, "Bcc", list);
  return *this;
}

Message& Message::default_domain(std::string_view domain) & {
  auto& state = edit();
  if (mail::is_domain(domain)) {
    state.default_domain = domain;
  } else {
    refuse(state, "default domain", "not a domain: \"" + printable(domain, 80) + '"');
  }
  return *this;
}

Message& Message::subject(std::string_view words) & {
  auto& state = edit();
  if (check_line(state, "Subject", words)) state.subject = words;
  return *this;
}

Message& Message::date(std::chrono::system_clock::time_point when) & {
  auto& state = edit();
  if (mail::is_date(when)) {
    state.date = when;
  } else {
    refuse(state, "Date", "the year is not between 1900 and 9999");
  }
  return *this;
}

Message& Message::message_id(std::string_view id) & {
  auto& state = edit();
  const auto bracketed = id.starts_with('<') ? std::string(id) : '<' + std::string(id) + '>';
  if (is_message_id(bracketed)) {
    state.message_id = bracketed;
  } else {
    refuse(state, "Message-ID", "expected <left@right> in ASCII; got \"" + printable(id, 80) + '"');
  }
  return *this;
}

Message& Message::in_reply_to(std::string_view ids) & {
  set_ids(edit(), edit().in_reply_to, "In-Reply-To", ids);
  return *this;
}

Message& Message::references(std::string_view ids) & {
  set_ids(edit(), edit().references, "References", ids);
  return *this;
}

Message& Message::header(std::string_view name, std::string_view value) & {
  using Setter = Message& (Message::*)(std::string_view)&;
  static constexpr std::array<std::pair<std::string_view, Setter>, 10> known{
      {{"From", &Message::from},
       {"Sender", &Message::sender},
       {"Reply-To", &Message::reply_to},
       {"To", &Message::to},
       {"Cc", &Message::cc},
       {"Bcc", &Message::bcc},
       {"Subject", &Message::subject},
       {"Message-ID", &Message::message_id},
       {"In-Reply-To", &Message::in_reply_to},
       {"References", &Message::references}}};
  for (const auto& [field, setter] : known) {
    if (iequals(field, name)) return (this->*setter)(value);
  }
  add_field(edit(), name, trim(value));
  return *this;
}

std::optional<Error> Message::error() const {
  const auto& state = view();
  return state.error ? state.error : find_unqualified(state);
}

Result<void> Message::check() const {
  const auto& state = view();
  if (auto stored = error()) return std::move(*stored);
  if (state.raw && state.raw->address_error) return *state.raw->address_error;
  if (auto error = find_unqualified_raw(state)) return std::move(*error);
  if (state.from.empty() && !(state.raw && state.raw->has("from"))) {
    return fail(Fault::input, "From", "no sender; set one with from()");
  }
  if (recipients().empty())
    return fail(Fault::input, "To", "no recipient; set to(), cc() or bcc()");
  return {};
}

Mailbox Message::reverse_path() const {
  const auto& state = view();
  const std::vector<Address> none;
  const auto& reverse = state.raw ? state.raw->reverse : none;
  for (const auto* list : {&state.sender, &reverse, &state.from}) {
    if (!list->empty()) return state.complete(list->front());
  }
  return {};
}

std::vector<Mailbox> Message::recipients() const {
  const auto& state = view();
  const std::vector<Address> none;
  const auto& header = state.raw ? state.raw->recipients : none;
  std::vector<Mailbox> mailboxes;
  std::set<std::string> seen;
  for (const auto* list : {&header, &state.to, &state.cc, &state.bcc}) {
    for (const auto& address : *list) {
      if (address.mailbox.is_null()) continue;  // an empty group
      auto mailbox = state.complete(address);
      if (seen.insert(mailbox.local + '@' + lower(mailbox.domain)).second)
        mailboxes.push_back(std::move(mailbox));
    }
  }
  return mailboxes;
}

Result<std::unique_ptr<MessageSource>> Message::source(const ComposeOptions& options) const {
  if (auto stored = error()) return std::move(*stored);
  return mail::compose(state_ ? state_ : std::make_shared<State>(), options);
}

}  // namespace postroad
