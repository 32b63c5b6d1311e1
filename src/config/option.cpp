// Values of options: checked against bounds and words, parsed from text, written as TOML, described
// for people. Every message about a wrong value is made here or in units.cpp; the caller adds the
// place. See option.hpp.
#include "config/option.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"

namespace postroad::config {
namespace {

std::string join(const std::vector<std::string>& words, std::string_view between) {
  return fmt::format("{}", fmt::join(words, between));
}

// The number that the bounds apply to; nullopt for kinds without bounds.
std::optional<std::int64_t> measure(const Value& value) {
  if (const auto* number = std::get_if<std::int64_t>(&value)) return *number;
  if (const auto* size = std::get_if<Size>(&value)) return static_cast<std::int64_t>(size->bytes);
  if (const auto* time = std::get_if<Duration>(&value)) return time->count();
  return std::nullopt;
}

std::string format_bound(Kind kind, std::int64_t bound) {
  if (kind == Kind::size) return format(Size{static_cast<std::uint64_t>(bound)});
  if (kind == Kind::duration) return format(Duration(bound));
  return std::to_string(bound);
}

// ", 1 to 65535", or nothing where only the type bounds it.
std::string bounds(const Option& option) {
  const bool below =
      option.least > (option.kind == Kind::integer ? std::numeric_limits<std::int64_t>::min() : 0);
  const bool above = option.most < std::numeric_limits<std::int64_t>::max();
  if (below && above) {
    return fmt::format(", {} to {}", format_bound(option.kind, option.least),
                       format_bound(option.kind, option.most));
  }
  if (below) return fmt::format(", at least {}", format_bound(option.kind, option.least));
  if (above) return fmt::format(", at most {}", format_bound(option.kind, option.most));
  return {};
}

Error no_such_word(const Option& option, std::string_view word) {
  const std::vector<std::string_view> known(option.words.begin(), option.words.end());
  const auto hint = nearest(word, known);
  const auto meant = hint.empty() ? std::string{} : fmt::format("; did you mean \"{}\"?", hint);
  return fail(Fault::input, std::string(word),
              fmt::format("unknown value; use one of {}{}", join(option.words, ", "), meant));
}

Result<void> check_words(const Option& option, const Value& value) {
  const auto known = [&](const std::string& word) {
    return std::find(option.words.begin(), option.words.end(), word) != option.words.end();
  };
  if (const auto* word = std::get_if<std::string>(&value); word != nullptr && !known(*word)) {
    return no_such_word(option, *word);
  }
  if (const auto* list = std::get_if<std::vector<std::string>>(&value)) {
    for (const auto& word : *list) {
      if (!known(word)) return no_such_word(option, word);
    }
  }
  return {};
}

Result<Value> parse_boolean(std::string_view text) {
  if (text == "true") return Value{true};
  if (text == "false") return Value{false};
  return fail(Fault::input, std::string(text), "not a boolean; expected true or false");
}

Result<Value> parse_integer(std::string_view text) {
  const bool negative = text.starts_with('-');
  const auto number = parse_number(negative ? text.substr(1) : text);
  if (!number ||
      *number > static_cast<unsigned long long>(std::numeric_limits<std::int64_t>::max())) {
    return fail(Fault::input, std::string(text),
                "not an integer; expected digits only, such as 25");
  }
  const auto value = static_cast<std::int64_t>(*number);
  return Value{negative ? -value : value};
}

Value parse_list(std::string_view text) {
  std::vector<std::string> list;
  for (const auto part : split(text, ',')) {
    if (const auto word = trim(part); !word.empty()) list.emplace_back(word);
  }
  return list;
}

template <class T>
Result<Value> lifted(const Result<T>& result) {
  if (!result) return result.error();
  return Value{*result};
}

Result<Value> convert(Kind kind, std::string_view text) {
  switch (kind) {
    case Kind::boolean:
      return parse_boolean(text);
    case Kind::integer:
      return parse_integer(text);
    case Kind::size:
      return lifted(parse_size(text));
    case Kind::duration:
      return lifted(parse_duration(text));
    case Kind::rate:
      return lifted(parse_rate(text));
    case Kind::list:
      return parse_list(text);
    case Kind::text:
    case Kind::path:
    case Kind::word:
    case Kind::secret:
      break;
  }
  return Value{std::string(text)};
}

std::string toml_text(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += {'\\', c};
    } else if (is_control(c)) {
      out += fmt::format("\\u{:04X}", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
  return out + '"';
}

}  // namespace

Result<void> check(const Option& option, const Value& value) {
  if (!option.words.empty()) return check_words(option, value);
  const auto number = measure(value);
  if (!number || (*number >= option.least && *number <= option.most)) return {};
  return fail(Fault::input, format_bound(option.kind, *number),
              fmt::format("out of range; expected {}", describe(option)));
}

std::string_view current_word(const Option& option, std::string_view word) {
  for (const auto& [old, now] : option.former_words) {
    if (old == word) return now;
  }
  return word;
}

Result<Value> parse_value(const Option& option, std::string_view text) {
  auto value = convert(option.kind, text);
  if (value) {
    const auto checked = check(option, *value);
    if (checked) return value;
    value = checked.error();
  }
  auto error = value.error();
  if (option.secret) error.where.clear();
  return error;
}

std::string describe(const Option& option) {
  if (!option.words.empty()) {
    return (option.kind == Kind::list ? "any of " : "") + join(option.words, ", ");
  }
  switch (option.kind) {
    case Kind::boolean:
      return "true or false";
    case Kind::integer:
      return "an integer" + bounds(option);
    case Kind::size:
      return "a size such as 35MiB" + bounds(option);
    case Kind::duration:
      return "a duration such as 30s" + bounds(option);
    case Kind::rate:
      return "a rate such as 600/h, or none";
    case Kind::path:
      return "a path";
    case Kind::list:
      return "an array of strings";
    case Kind::text:
    case Kind::word:
    case Kind::secret:
      break;
  }
  return "a string";
}

std::string format_toml(const Value& value) {
  if (const auto* flag = std::get_if<bool>(&value)) return *flag ? "true" : "false";
  if (const auto* number = std::get_if<std::int64_t>(&value)) return std::to_string(*number);
  if (const auto* size = std::get_if<Size>(&value)) return toml_text(format(*size));
  if (const auto* time = std::get_if<Duration>(&value)) return toml_text(format(*time));
  if (const auto* rate = std::get_if<Rate>(&value)) return toml_text(format(*rate));
  if (const auto* text = std::get_if<std::string>(&value)) return toml_text(*text);
  std::string out;
  for (const auto& word : std::get<std::vector<std::string>>(value)) {
    out += (out.empty() ? "" : ", ") + toml_text(word);
  }
  return "[" + out + "]";
}

}  // namespace postroad::config
