// The walk through a TOML document beside its declaration. toml++ is used in this file only.
// Debian's build of it throws, so its one exception is caught where it parses. Not here: what a
// value may be (option.cpp). See file.hpp.
#include "config/file.hpp"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <set>
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
  Loader(std::string_view file_name, const Table& root, void* settings)
      : file_name_(file_name), root_(root), root_settings_(settings) {}

  // `name` as people write it, "listener.port"; `path` with the row, "listener.0.port".
  void load(const toml::table& document, const Table& table, void* settings,
            const std::string& name, const std::string& path) {
    if (name.empty()) document_ = &document;
    for (const auto& [key, node] : document) {
      const auto below = [&](const std::string& above) {
        return above.empty() ? std::string(key.str()) : fmt::format("{}.{}", above, key.str());
      };
      if (const Option* option = find(table.options, key.str())) {
        note(below(path), key.source());
        load_option(node, *option, settings, below(name));
      } else if (const Option* renamed = find_former(table.options, key.str())) {
        note(name.empty() ? renamed->name : path + '.' + renamed->name, key.source());
        load_former(document, key.source(), *renamed, settings, below(name));
      } else if (const Table* inner = find(table.tables, key.str())) {
        note(below(path), key.source());
        load_table(node, *inner, settings, below(name), below(path));
      } else if (const auto moved = find_moved(below(name)); moved.option != nullptr) {
        load_moved(node, key.source(), moved, below(name));
      } else {
        complain(key.source(),
                 fmt::format("unknown key {}{}", below(name), meant(table, key.str(), name)));
      }
    }
  }

  // toml++ walks keys in order of names; people read files from the top.
  LoadReport result() {
    report_.errors = in_order(errors_);
    report_.warnings = in_order(warnings_);
    return std::move(report_);
  }

 private:
  template <class T>
  static const T* find(const std::vector<T>& all, std::string_view name) {
    for (const auto& one : all) {
      if (one.name == name) return &one;
    }
    return nullptr;
  }

  static const Option* find_former(const std::vector<Option>& all, std::string_view name) {
    for (const auto& one : all) {
      for (const auto& former : one.former_names) {
        if (former == name) return &one;
      }
    }
    return nullptr;
  }

  // An option that has another table now.
  struct Moved {
    const Table* table = nullptr;
    const Option* option = nullptr;
  };
  Moved find_moved(const std::string& name) const {
    if (name.find('.') == std::string::npos) return {};
    for (const auto& table : root_.tables)
      if (const auto* option = find_former(table.options, name)) return {&table, option};
    return {};
  }

  void load_moved(const toml::node& node, const toml::source_region& at, const Moved& moved,
                  const std::string& name) {
    const auto now = moved.table->name + '.' + moved.option->name;
    const auto* table = (*document_)[moved.table->name].as_table();
    if (table != nullptr && table->contains(moved.option->name))
      return complain_twice(at, name, now);
    if (!moved_.insert(moved.option).second)
      return complain(
          at, fmt::format("{} and another line are older names of {}; keep one", name, now));
    note(now, at);
    warn(at, fmt::format("{} was renamed; use {}", name, now));
    load_option(node, *moved.option, moved.table->enter(root_settings_), name);
  }

  void complain_twice(const toml::source_region& at, const std::string& name,
                      const std::string& now) {
    complain(at, fmt::format("{} is the older name of {}, which is given, too; remove this line",
                             name, now));
  }

  static std::string meant(const Table& table, std::string_view key, const std::string& name) {
    std::vector<std::string_view> known;
    for (const auto& option : table.options) known.push_back(option.name);
    for (const auto& inner : table.tables) known.push_back(inner.name);
    const auto hint = nearest(key, known);
    if (!hint.empty()) return fmt::format("; did you mean {}?", hint);
    return fmt::format("; the keys of {} are {}", name.empty() ? "the file" : name,
                       fmt::join(known, ", "));
  }

  std::vector<Error> in_order(std::vector<Complaint>& all) const {
    std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) {
      return std::pair(a.at.line, a.at.column) < std::pair(b.at.line, b.at.column);
    });
    std::vector<Error> out;
    for (const auto& one : all)
      out.push_back(fail(Fault::input,
                         fmt::format("{}:{}:{}", file_name_, one.at.line, one.at.column),
                         one.detail));
    return out;
  }

  void complain(const toml::source_region& at, std::string detail) {
    errors_.push_back({at.begin, std::move(detail)});
  }
  void warn(const toml::source_region& at, std::string detail) {
    warnings_.push_back({at.begin, std::move(detail)});
  }
  void note(std::string path, const toml::source_region& at) {
    report_.lines.emplace(std::move(path), at.begin.line);
  }

  void load_table(const toml::node& node, const Table& table, void* settings,
                  const std::string& name, const std::string& path) {
    if (!table.repeated) {
      if (const auto* inner = node.as_table())
        return load(*inner, table, table.enter(settings), name, path);
      return complain(node.source(),
                      fmt::format("{} is a table; write [{}] and its keys below it", name, name));
    }
    const auto* rows = node.as_array();
    if (rows == nullptr || !(rows->empty() || rows->is_homogeneous(toml::node_type::table))) {
      return complain(
          node.source(),
          fmt::format("{} may be repeated; write [[{}]] and its keys below it", name, name));
    }
    table.clear(settings);
    std::size_t index = 0;
    for (const auto& row : *rows) {
      const auto place = fmt::format("{}.{}", path, index++);
      note(place, row.source());
      load(*row.as_table(), table, table.enter(settings), name, place);
    }
  }

  // By its older key, which is at `at`.
  void load_former(const toml::table& document, const toml::source_region& at, const Option& option,
                   void* settings, const std::string& name) {
    if (document.contains(option.name)) return complain_twice(at, name, option.name);
    warn(at, fmt::format("{} was renamed; use {}", name, option.name));
    const auto key = name.substr(name.rfind('.') + 1);
    load_option(*document.get(key), option, settings, name);
  }

  void load_option(const toml::node& node, const Option& option, void* settings,
                   const std::string& name) {
    const auto value = convert(node, option);
    if (value) {
      warn_of_former_word(node, option, name);
      return option.set(settings, *value);
    }
    const auto& error = value.error();
    const auto shown =
        error.where.empty() ? std::string{} : fmt::format(" = {}", printable(error.where, 80));
    complain(node.source(), fmt::format("{}{}: {}", name, shown, error.detail));
  }

  void warn_of_former_word(const toml::node& node, const Option& option, const std::string& name) {
    const auto* text = node.as_string();
    if (text == nullptr) return;
    const auto word = current_word(option, text->get());
    if (word != text->get())
      warn(node.source(),
           fmt::format("{} = {}: this value was renamed; use \"{}\"", name, text->get(), word));
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
      return parse_value(option, current_word(option, text->get()));
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
    if (option.kind == Kind::list) form += " such as [\"a\", \"b\"]";
    const bool wants_quotes = option.kind != Kind::boolean && option.kind != Kind::integer &&
                              option.kind != Kind::list && node.is_value();
    return fail(Fault::input, {},
                fmt::format("expected {}, got {}{}", form, type_name(node.type()),
                            wants_quotes ? "; write it in quotes" : ""));
  }

  static std::string_view type_name(toml::node_type type) {
    switch (type) {
      case toml::node_type::table:
        return "a table";
      case toml::node_type::array:
        return "an array";
      case toml::node_type::string:
        return "a string";
      case toml::node_type::integer:
        return "an integer";
      case toml::node_type::floating_point:
        return "a float";
      case toml::node_type::boolean:
        return "a boolean";
      default:
        return "a date or a time of day";
    }
  }

  std::string file_name_;
  const Table& root_;
  void* root_settings_;
  const toml::table* document_ = nullptr;  // the whole file
  std::set<const Option*> moved_;          // given by an older name
  std::vector<Complaint> errors_;
  std::vector<Complaint> warnings_;
  LoadReport report_;
};

// Whether the parser stopped at text without quotes, such as mail.example.org or 35MB.
bool lacks_quotes(std::string_view text, const toml::parse_error& error) {
  if (error.description().find("could not determine value type") != std::string_view::npos)
    return true;
  const auto& at = error.source().begin;
  const auto lines = split(text, '\n');
  if (at.line == 0 || at.line > lines.size()) return false;
  const auto line = lines[at.line - 1];
  const auto equals = line.find('=');
  if (equals == std::string_view::npos || at.column <= equals + 1) return false;
  const auto value = trim(line.substr(equals + 1));
  return !value.empty() && std::string_view("\"'[{#").find(value.front()) == std::string_view::npos;
}

}  // namespace

LoadReport load_toml(std::string_view text, std::string_view file_name, const Table& root,
                     void* settings) {
  try {
    const toml::table document = toml::parse(text, file_name);
    Loader loader(file_name, root, settings);
    loader.load(document, root, settings, {}, {});
    return loader.result();
  } catch (const toml::parse_error& error) {
    const auto& at = error.source().begin;
    LoadReport report;
    report.is_parsed = false;
    report.errors.push_back(
        fail(Fault::input, fmt::format("{}:{}:{}", file_name, at.line, at.column),
             fmt::format("not TOML: {}{}", error.description(),
                         lacks_quotes(text, error) ? "; put the text in quotes" : "")));
    return report;
  }
}

}  // namespace postroad::config
