// Options of a settings struct, each declared once: its name, its member, its meaning. The file,
// the environment, the printed settings and the reference page walk this declaration. The default
// of an option is its value in a default-constructed struct.
//
//   Section<Server> server;
//   server.option("max_message_size", &Server::max_message_size, "Largest message accepted.");
//   Section<Settings> root;
//   root.table("server", &Settings::server, "The server as a whole.", server);
//
// Not here: reading (file.hpp, override.hpp), printing (show.hpp), command lines (command.hpp).
#pragma once

#include <concepts>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <memory>
#include <postroad/secret.hpp>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "config/units.hpp"

namespace postroad::config {

enum class Kind : std::uint8_t {
  text,
  boolean,
  integer,
  size,
  duration,
  rate,
  path,
  word,
  list,
  secret
};

/// An option's value outside its struct: text, path, word and secret are strings.
using Value =
    std::variant<bool, std::int64_t, Size, Duration, Rate, std::string, std::vector<std::string>>;

/// One option, the type of its struct erased. Made by Section; read by everything else in this
/// folder.
struct Option {
  std::string name;  ///< snake_case, as the file has it
  std::string doc;   ///< one or two sentences
  Kind kind = Kind::text;
  bool secret = false;  ///< never printed
  bool is_url = false;  ///< not printed where its value has a login
  bool fixed = false;   ///< cannot change while the program runs
  std::int64_t least =
      std::numeric_limits<std::int64_t>::min();  ///< bytes, milliseconds or the number itself
  std::int64_t most = std::numeric_limits<std::int64_t>::max();
  std::vector<std::string> words;         ///< the values of a Kind::word
  std::vector<std::string> former_names;  ///< older keys, read with a warning (Section::formerly)
  std::vector<std::pair<std::string, std::string>> former_words;  ///< an older word and today's
  std::function<void(void* settings, const Value& value)> set;
  std::function<Value(const void* settings)> get;
};

/// One struct of options, `[name]` in a file, or `[[name]]` when it is repeated. The root has no
/// name.
struct Table {
  std::string name;
  std::string doc;
  bool repeated = false;
  std::vector<Option> options;
  std::vector<Table> tables;
  std::function<void*(void* parent)>
      enter;  ///< the struct inside its parent; for a repeated one, a new row
  std::function<void(void* parent)> clear;  ///< removes the rows of a repeated one
  std::function<void*(void* parent, std::size_t index)> row;  ///< a row that there is already
  std::function<std::vector<const void*>(const void* parent)> rows;
  std::function<std::shared_ptr<const void>()> defaults;
  std::function<std::shared_ptr<void>()> scratch;  ///< a new struct with the defaults
};

/// How a member's type is an option's kind. The members that can be options are the types
/// specialised below.
template <class T>
struct Form;

/// Declares the options of a struct S, which is copyable and default-constructible. A value; copies
/// are independent.
template <class S>
class Section {
 public:
  Section() {
    table_.defaults = [] { return std::make_shared<const S>(); };
    table_.scratch = [] { return std::make_shared<S>(); };
  }

  /// Binds `name` to a member: bool, an integer, std::string, std::filesystem::path,
  /// std::vector<std::string>, Size, Duration, Rate or Secret. An integer's own range is its bound
  /// until `between` narrows it.
  template <class T>
  Section& option(std::string_view name, T S::*member, std::string_view doc) {
    Option& made = add(name, Form<T>::kind, doc);
    made.secret = made.kind == Kind::secret;
    if constexpr (std::integral<T> && !std::same_as<T, bool>) bound<T>(made);
    if constexpr (std::same_as<T, Size> || std::same_as<T, Duration>) made.least = 0;
    made.set = [member](void* s, const Value& v) {
      static_cast<S*>(s)->*member = Form<T>::from(v);
    };
    made.get = [member](const void* s) {
      return Form<T>::value(static_cast<const S*>(s)->*member);
    };
    return *this;
  }

  /// Binds `name` to an enum, whose every value has a word.
  template <class E>
    requires std::is_enum_v<E>
  Section& option(std::string_view name, E S::*member, std::vector<std::pair<std::string, E>> words,
                  std::string_view doc) {
    Option& made = add(name, Kind::word, doc);
    for (const auto& [word, value] : words) made.words.push_back(word);
    made.get = [member, words](const void* s) -> Value {
      for (const auto& [word, value] : words) {
        if (static_cast<const S*>(s)->*member == value) return word;
      }
      return std::string{};
    };
    made.set = [member, words = std::move(words)](void* s, const Value& v) {
      for (const auto& [word, value] : words) {
        if (word == std::get<std::string>(v)) static_cast<S*>(s)->*member = value;
      }
    };
    return *this;
  }

  /// An older key of the option declared last: a file, a variable or --set may still use it, and
  /// gets a warning that names today's. With a dot it is a key of another table, from the root:
  /// "delivery.lifetime"; neither table is repeated then.
  Section& formerly(std::string_view name) {
    table_.options.back().former_names.emplace_back(name);
    return *this;
  }
  /// The same for a value of the option declared last, which is an enum.
  Section& formerly(std::string_view old, std::string_view word) {
    table_.options.back().former_words.emplace_back(old, word);
    return *this;
  }

  /// Bounds of the option declared last, both included.
  Section& between(std::int64_t least, std::int64_t most) {
    table_.options.back().least = least;
    table_.options.back().most = most;
    return *this;
  }
  Section& between(Size least, Size most) {
    return between(static_cast<std::int64_t>(least.bytes), static_cast<std::int64_t>(most.bytes));
  }
  Section& between(Duration least, Duration most) { return between(least.count(), most.count()); }

  /// The option declared last, or each word of a list, must be one of these.
  Section& one_of(std::vector<std::string> words) {
    table_.options.back().words = std::move(words);
    return *this;
  }

  /// The option declared last cannot change while the program runs: a reload that changes it is
  /// refused (change.hpp).
  Section& fixed() {
    table_.options.back().fixed = true;
    return *this;
  }

  /// The option declared last is never printed. A member of type Secret never is.
  Section& secret() {
    table_.options.back().secret = true;
    return *this;
  }

  /// The option declared last is a URL: it is not printed where it has a login.
  Section& url() {
    table_.options.back().is_url = true;
    return *this;
  }

  /// A struct inside: `[name]`.
  template <class N>
  Section& table(std::string_view name, N S::*member, std::string_view doc,
                 const Section<N>& inner) {
    Table& made = add(name, doc, inner.erased());
    made.enter = [member](void* s) -> void* { return &(static_cast<S*>(s)->*member); };
    made.rows = [member](const void* s) {
      return std::vector<const void*>{&(static_cast<const S*>(s)->*member)};
    };
    return *this;
  }

  /// Any number of structs: `[[name]]`. A file that has one replaces all rows that were there.
  template <class N>
  Section& tables(std::string_view name, std::vector<N> S::*member, std::string_view doc,
                  const Section<N>& inner) {
    Table& made = add(name, doc, inner.erased());
    made.repeated = true;
    made.enter = [member](void* s) -> void* {
      return &(static_cast<S*>(s)->*member).emplace_back();
    };
    made.clear = [member](void* s) { (static_cast<S*>(s)->*member).clear(); };
    made.row = [member](void* s, std::size_t index) -> void* {
      return &(static_cast<S*>(s)->*member)[index];
    };
    made.rows = [member](const void* s) {
      std::vector<const void*> out;
      for (const auto& row : static_cast<const S*>(s)->*member) out.push_back(&row);
      return out;
    };
    return *this;
  }

  /// The declaration without its type; lives as long as this.
  [[nodiscard]] const Table& erased() const noexcept { return table_; }

 private:
  Option& add(std::string_view name, Kind kind, std::string_view doc) {
    Option made;
    made.name = name;
    made.doc = doc;
    made.kind = kind;
    return table_.options.emplace_back(std::move(made));
  }
  Table& add(std::string_view name, std::string_view doc, Table inner) {
    inner.name = name;
    inner.doc = doc;
    return table_.tables.emplace_back(std::move(inner));
  }
  template <class T>
  static void bound(Option& made) {
    if constexpr (std::in_range<std::int64_t>(std::numeric_limits<T>::max())) {
      made.most = static_cast<std::int64_t>(std::numeric_limits<T>::max());
    }
    made.least = static_cast<std::int64_t>(std::numeric_limits<T>::min());
  }

  Table table_;
};

/// Whether a value lies within the option's bounds and words. Error: `detail` says what it may be.
Result<void> check(const Option& option, const Value& value);
/// Today's word for an older one; any other word is returned as it is.
std::string_view current_word(const Option& option, std::string_view word);
/// A value from its text, checked: as the environment and `--set` give it, and strings in a file. A
/// list is separated by commas. Error: Fault::input with `where` the text (left out for a secret)
/// and `detail` the right form.
Result<Value> parse_value(const Option& option, std::string_view text);
/// The values that it accepts: "a size such as 35MiB, 1kB to 1GiB".
std::string describe(const Option& option);
/// A value as TOML has it: `true`, `25`, `"35MiB"`, `["a", "b"]`.
std::string format_toml(const Value& value);

template <class T>
  requires std::integral<T>
struct Form<T> {
  static constexpr Kind kind = Kind::integer;
  static T from(const Value& v) { return static_cast<T>(std::get<std::int64_t>(v)); }
  static Value value(T v) { return static_cast<std::int64_t>(v); }
};
/// The types that a Value holds unchanged.
template <class T, Kind K>
struct PlainForm {
  static constexpr Kind kind = K;
  static T from(const Value& v) { return std::get<T>(v); }
  static Value value(const T& v) { return v; }
};
template <>
struct Form<bool> : PlainForm<bool, Kind::boolean> {};
template <>
struct Form<Size> : PlainForm<Size, Kind::size> {};
template <>
struct Form<Duration> : PlainForm<Duration, Kind::duration> {};
template <>
struct Form<Rate> : PlainForm<Rate, Kind::rate> {};
template <>
struct Form<std::string> : PlainForm<std::string, Kind::text> {};
template <>
struct Form<std::vector<std::string>> : PlainForm<std::vector<std::string>, Kind::list> {};
template <>
struct Form<std::filesystem::path> {
  static constexpr Kind kind = Kind::path;
  static std::filesystem::path from(const Value& v) { return std::get<std::string>(v); }
  static Value value(const std::filesystem::path& v) { return v.string(); }
};
template <>
struct Form<Secret> {
  static constexpr Kind kind = Kind::secret;
  static Secret from(const Value& v) { return Secret{std::get<std::string>(v)}; }
  /// Only whether there is one: the bytes stay in the Secret.
  static Value value(const Secret& v) { return std::string(v.empty() ? "" : "set"); }
};

}  // namespace postroad::config
