// Any template with any value: the filled HTML has the same structure as with a harmless value. The
// input is the template, a NUL and the value. Read on in include/postroad/template.hpp.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <postroad/template.hpp>
#include <string>
#include <string_view>

#include "mail/html/html_context.hpp"

namespace {

using namespace postroad;

Template::Values values_of(const Template& made, std::string_view value) {
  Template::Values values;
  for (const auto& name : made.names()) values.emplace(name, value);
  return values;
}

// The sequence of contexts that an HTML parser sees, without the kinds of attribute values.
std::string places_of(std::string_view html) {
  mail::HtmlContext context;
  std::string out;
  for (const char c : html) {
    context.take(std::string_view(&c, 1));
    using enum mail::HtmlContext::Place;
    auto place = context.place();
    if (place == url_start || place == url_rest || place == active_value) place = quoted_value;
    const auto letter = static_cast<char>('0' + static_cast<int>(place));
    if (out.empty() || out.back() != letter) out += letter;
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto nul = bytes.find('\0');
  const auto source = bytes.substr(0, nul);
  const auto value = nul == std::string_view::npos ? "<\"'>&" : bytes.substr(nul + 1);
  if (const auto text = Template::text(source)) {
    if (!text->fill(values_of(*text, value))) std::abort();
  }
  const auto html = Template::html(source);
  if (!html) return html.error().where.starts_with("template line ") ? 0 : (std::abort(), 0);
  if (source.find("raw:") != std::string_view::npos) return 0;
  const auto harmless = html->fill(values_of(*html, "x"));
  const auto hostile = html->fill(values_of(*html, value));
  if (!harmless) std::abort();
  if (hostile && places_of(*hostile) != places_of(*harmless)) {
    // An empty value removes the context of its text.
    if (!value.empty()) std::abort();
  }
  return 0;
}
