// See reply_rules.hpp.
#include "relay/mx/reply_rules.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "mail/address/mailbox.hpp"
#include "relay/routes/route_table.hpp"

namespace postroad::relay::mx {

namespace {

// A digit or, in a pattern, an `x` for any. Only temporary refusals are checked.
bool is_code(std::string_view text) {
  const auto is_sign = [](char c) { return is_digit(c) || c == 'x'; };
  return text.size() == 3 && text[0] == '4' && is_sign(text[1]) && is_sign(text[2]);
}

// "4.7.28", "4.7.x"
bool is_status(std::string_view text) {
  const auto parts = split(text, '.');
  const auto is_number = [](std::string_view part) {
    return part == "x" ||
           (!part.empty() && part.size() <= 3 && std::all_of(part.begin(), part.end(), is_digit));
  };
  return parts.size() == 3 && parts[0] == "4" && is_number(parts[1]) && is_number(parts[2]);
}

bool matches_code(std::string_view pattern, std::string_view code) {
  for (std::size_t i = 0; i < 3; ++i)
    if (pattern[i] != 'x' && pattern[i] != code[i]) return false;
  return true;
}

bool matches_status(std::string_view pattern, std::string_view status) {
  if (!is_status(status)) return false;
  const auto wanted = split(pattern, '.');
  const auto given = split(status, '.');
  for (std::size_t i = 0; i < 3; ++i)
    if (wanted[i] != "x" && wanted[i] != given[i]) return false;
  return true;
}

// A reply in its three parts; without a code: nullopt.
struct Parts {
  std::string_view code, status, text;
};

std::optional<Parts> parts_of(std::string_view reply) {
  if (reply.size() < 3 || !is_code(reply.substr(0, 3))) return std::nullopt;
  Parts parts{reply.substr(0, 3), {}, reply.substr(3)};
  if (parts.text.starts_with(' ')) parts.text.remove_prefix(1);
  if (const auto word = parts.text.substr(0, parts.text.find(' ')); is_status(word)) {
    parts.status = word;
    parts.text.remove_prefix(word.size());
  }
  return parts;
}

bool matches(const std::string& pattern, const Parts& parts) {
  if (!matches_code(pattern, parts.code)) return false;
  return pattern.size() == 3 || matches_status(std::string_view(pattern).substr(4), parts.status);
}

Error wrong(std::string_view where, std::string_view entry, std::string_view why) {
  return fail(
      Fault::input, std::string(where),
      entry.empty() ? std::string(why) : '\'' + printable(entry, 80) + "' " + std::string(why));
}

bool is_pattern(const std::string& text) {
  if (text.size() < 3 || !is_code(std::string_view(text).substr(0, 3))) return false;
  return text.size() == 3 || (text[3] == ' ' && is_status(std::string_view(text).substr(4)));
}

Result<void> check(ReplyRule& row) {
  if (row.name.empty())
    return wrong("name", {}, "missing; name the row, as in name = \"example-busy\"");
  for (auto& host : row.hosts) {
    const bool has_dot = host.starts_with('.');
    const auto name = canonical_domain(std::string_view(host).substr(has_dot ? 1 : 0));
    if (!mail::is_domain(name))
      return wrong("hosts", host, "is not in one of the forms mx.example.org and .example.org");
    host = (has_dot ? "." : "") + name;
  }
  for (const auto& code : row.codes)
    if (!is_pattern(code))
      return wrong("codes", code, "is not in one of the forms 421, 45x, 421 4.7.0 and 4xx 4.7.x");
  for (auto& text : row.texts) {
    if (text.empty()) return wrong("text", {}, "an empty text is part of every reply; remove it");
    text = lower(text);
  }
  if (row.codes.empty() && row.texts.empty())
    return wrong("codes", {}, "missing; a row names codes, or parts of the text");
  if ((row.action == ReplyRule::Action::pause) != (row.pause.count() > 0))
    return wrong("pause", {}, "a time above 0 and action = \"pause\" belong together");
  if (row.after > 1 && row.action != ReplyRule::Action::pause)
    return wrong("after", {}, "a number above 1 and action = \"pause\" belong together");
  return {};
}

}  // namespace

Result<ReplyRules> ReplyRules::make(std::vector<ReplyRule> rows) {
  ReplyRules made;
  made.rows_ = std::move(rows);
  for (auto& row : made.rows_)
    if (auto sound = check(row); !sound) return sound.error();
  return made;
}

const ReplyRule* ReplyRules::find(std::string_view host, std::string_view reply) const {
  const auto parts = parts_of(reply);
  if (!parts) return nullptr;
  const auto text = lower(parts->text);
  const auto applies = [&](const ReplyRule& row) {
    const auto is_ours = [&](const std::string& one) {
      return one.starts_with('.') ? host.ends_with(one) : host == one;
    };
    const auto is_there = [&](const std::string& one) {
      return text.find(one) != std::string::npos;
    };
    const auto is_like = [&](const std::string& one) { return matches(one, *parts); };
    const auto any = [](const std::vector<std::string>& list, const auto& condition) {
      return list.empty() || std::any_of(list.begin(), list.end(), condition);
    };
    return any(row.hosts, is_ours) && any(row.codes, is_like) && any(row.texts, is_there);
  };
  for (const auto* rows : {&rows_, &shipped_reply_rules()})
    if (const auto found = std::find_if(rows->begin(), rows->end(), applies); found != rows->end())
      return &*found;
  return nullptr;
}

}  // namespace postroad::relay::mx
