// The walk through a TOML document beside its declaration. toml++ is seen here only; Debian's
// library of it throws, so its one exception is caught where it parses. Not here: what a value may
// be (option.cpp). See file.hpp.
#include "config/file.hpp"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "base/text.hpp"

namespace postroad::config {
namespace {

struct Complaint {
  toml::source_position at;
  std::string detail;
};

class Loader {
 public:
  explicit Loader(std::string_view file_name) : file_name_(file_name) {}

  void load(const toml::table& document, const Table& table, void* settings,
            const std::string& path) {
    for (const auto& [key, node] : document) {
      const std::string name =
          path.empty() ? std::string(key.str()) : fmt::format("{}.{}", path, key.str());
      if (const Option* option = find(table.options, key.str())) {
        load_option(node, *option, settings, name);
      } else if (const Table* inner = find(table.tables, key.str())) {
        load_table(node, *inner, settings, name);
      } else {
        complain(key.source(), fmt::format("unknown {}{}", name, meant(table, key.str(), path)));
      }
    }
  }

  // toml++ walks keys in order of names; people read files from the top.
  Result<void> result() {
    if (complaints_.empty()) return {};
    std::sort(complaints_.begin(), complaints_.end(), [](const auto& a, const auto& b) {
      return std::pair(a.at.line, a.at.column) < std::pair(b.at.line, b.at.column);
    });
    std::string detail = complaints_[0].detail;
    for (std::size_t i = 1; i < complaints_.size() && i < most; ++i) {
      detail += fmt::format("; {}: {}", place(complaints_[i].at), complaints_[i].detail);
    }
    if (complaints_.size() > most)
      detail += fmt::format("; and {} more", complaints_.size() - most);
    return fail(Fault::input, place(complaints_[0].at), detail);
  }

 private:
  static constexpr std::size_t most = 20;

  template <class T>
  static const T* find(const std::vector<T>& all, std::string_view name) {
    for (const auto& one : all) {
      if (one.name == name) return &one;
    }
    return nullptr;
  }

  static std::string meant(const Table& table, std::string_view key, const std::string& path) {
    std::vector<std::string_view> known;
    for (const auto& option : table.options) known.push_back(option.name);
    for (const auto& inner : table.tables) known.push_back(inner.name);
    const auto hint = nearest(key, known);
    if (!hint.empty()) return fmt::format("; did you mean {}?", hint);
    return fmt::format("; {} holds {}", path.empty() ? "the file" : path, fmt::join(known, ", "));
  }

  void complain(const toml::source_region& at, std::string detail) {
    complaints_.push_back({at.begin, std::move(detail)});
  }

  [[nodiscard]] std::string place(const toml::source_position& at) const {
    return fmt::format("{}:{}:{}", file_name_, at.line, at.column);
  }

  void load_table(const toml::node& node, const Table& table, void* settings,
                  const std::string& name) {
    if (!table.repeated) {
      if (const auto* inner = node.as_table())
        return load(*inner, table, table.enter(settings), name);
      return complain(node.source(),
                      fmt::format("{} is a table: write [{}] and its keys below", name, name));
    }
    const auto* rows = node.as_array();
    if (rows == nullptr || !(rows->empty() || rows->is_homogeneous(toml::node_type::table))) {
      return complain(
          node.source(),
          fmt::format("{} may stand several times: write [[{}]] and its keys below", name, name));
    }
    table.clear(settings);
    for (const auto& row : *rows) load(*row.as_table(), table, table.enter(settings), name);
  }

  void load_option(const toml::node& node, const Option& option, void* settings,
                   const std::string& name) {
    const auto value = convert(node, option);
    if (value) return option.set(settings, *value);
    const auto& error = value.error();
    const auto shown =
        error.where.empty() ? std::string{} : fmt::format(" = {}", printable(error.where, 80));
    complain(node.source(), fmt::format("{}{}: {}", name, shown, error.detail));
  }

  static Result<Value> checked(const Option& option, Value value) {
    const auto fine = check(option, value);
    if (!fine) return fine.error();
    return value;
  }

  static Result<Value> convert(const toml::node& node, const Option& option) {
    const bool is_string_kind =
        option.kind != Kind::boolean && option.kind != Kind::integer && option.kind != Kind::list;
    if (const auto* text = node.as_string(); text != nullptr && is_string_kind)
      return parse_value(option, text->get());
    if (const auto* flag = node.as_boolean(); flag != nullptr && option.kind == Kind::boolean)
      return Value{flag->get()};
    if (const auto* number = node.as_integer(); number != nullptr) {
      if (option.kind == Kind::integer) return checked(option, Value{number->get()});
      if (option.kind == Kind::size && number->get() >= 0) {
        return checked(option, Value{Size{static_cast<std::uint64_t>(number->get())}});
      }
      if (option.kind == Kind::duration) {
        return parse_value(option, std::to_string(number->get()));
      }
    }
    if (const auto* array = node.as_array(); array != nullptr && option.kind == Kind::list)
      return list(*array, option);
    return wrong_type(node, option);
  }

  static Result<Value> list(const toml::array& array, const Option& option) {
    std::vector<std::string> words;
    for (const auto& item : array) {
      const auto* text = item.as_string();
      if (text == nullptr) return wrong_type(item, option);
      words.push_back(text->get());
    }
    return checked(option, Value{std::move(words)});
  }

  static Error wrong_type(const toml::node& node, const Option& option) {
    std::string form = describe(option);
    const bool in_quotes = option.kind != Kind::boolean && option.kind != Kind::integer;
    if (option.kind == Kind::list) {
      form += ", as [\"a\", \"b\"]";
    } else if (in_quotes) {
      form += ", in quotes";
    }
    return fail(Fault::input, {},
                fmt::format("{} does not fit here: write {}", type_name(node.type()), form));
  }

  static std::string_view type_name(toml::node_type type) {
    switch (type) {
      case toml::node_type::table:
        return "a table";
      case toml::node_type::array:
        return "a list";
      case toml::node_type::string:
        return "text";
      case toml::node_type::integer:
        return "a whole number";
      case toml::node_type::floating_point:
        return "a fraction";
      case toml::node_type::boolean:
        return "true or false";
      default:
        return "a date or time of day";
    }
  }

  std::string file_name_;
  std::vector<Complaint> complaints_;
};

}  // namespace

Result<void> load_toml(std::string_view text, std::string_view file_name, const Table& root,
                       void* settings) {
  try {
    const toml::table document = toml::parse(text, file_name);
    Loader loader(file_name);
    loader.load(document, root, settings, {});
    return loader.result();
  } catch (const toml::parse_error& error) {
    const auto& at = error.source().begin;
    return fail(Fault::input, fmt::format("{}:{}:{}", file_name, at.line, at.column),
                fmt::format("not TOML: {}", error.description()));
  }
}

}  // namespace postroad::config
