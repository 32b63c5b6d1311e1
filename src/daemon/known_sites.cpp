// See known_sites.hpp.
#include "daemon/known_sites.hpp"

#include <fcntl.h>

#include <cerrno>
#include <system_error>

#include "base/descriptor.hpp"
#include "base/percent.hpp"
#include "base/text.hpp"

namespace postroad::daemon {

namespace {

constexpr std::size_t largest_file = 16 << 20;
constexpr std::size_t longest_reason = 1000;

Error cannot_write(const std::filesystem::path& path) {
  return fail(errno == ENOSPC ? Fault::full : Fault::io, path.string(),
              "cannot be written: " + std::generic_category().message(errno));
}

}  // namespace

std::string format_sites(const std::vector<queue::SiteFacts>& sites) {
  std::string text;
  for (const auto& site : sites) {
    const bool has_limit = site.is_learnt && site.limit > 0;
    if (!site.is_held && !has_limit && site.waits_until == 0) continue;
    text += percent_encode(site.name);
    if (site.is_held) text += " paused";
    if (has_limit) text += " limit=" + std::to_string(site.limit);
    if (site.waits_until > 0)
      text += " waits_until=" + std::to_string(site.waits_until) +
              " reason=" + percent_encode(site.reason.substr(0, longest_reason));
    text += '\n';
  }
  return text;
}

std::vector<queue::SiteFacts> parse_sites(std::string_view text) {
  constexpr std::string_view limit = "limit=";
  constexpr std::string_view waits = "waits_until=";
  constexpr std::string_view reason = "reason=";
  std::vector<queue::SiteFacts> found;
  for (const auto line : split(text, '\n')) {
    const auto words = split(line, ' ');
    const auto name = percent_decode(words.front());
    if (!name || name->empty()) continue;
    queue::SiteFacts site{.name = *name};
    for (const auto word : words) {
      if (word == "paused") site.is_held = true;
      if (word.starts_with(limit))
        site.limit = static_cast<std::size_t>(parse_number(word.substr(limit.size())).value_or(0));
      if (word.starts_with(reason))
        site.reason = percent_decode(word.substr(reason.size())).value_or(std::string());
      if (word.starts_with(waits))
        site.waits_until =
            static_cast<std::int64_t>(parse_number(word.substr(waits.size())).value_or(0));
    }
    found.push_back(std::move(site));
  }
  return found;
}

Result<std::vector<queue::SiteFacts>> KnownSites::load() const {
  const Descriptor file(::open(path_.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file && errno == ENOENT) return std::vector<queue::SiteFacts>();
  std::string text;
  if (!file || !read_to_end(file.get(), text))
    return fail(Fault::io, path_.string(),
                "cannot be read, and paused sites would not be paused: " +
                    std::generic_category().message(errno) +
                    "; make it readable, or remove it to begin without paused sites");
  if (text.size() > largest_file)
    return fail(Fault::data, path_.string(),
                "is not a list of sites: longer than 16 MiB; remove it");
  return parse_sites(text);
}

Result<void> KnownSites::save(const std::vector<queue::SiteFacts>& sites) {
  auto text = format_sites(sites);
  if (text == saved_) return {};
  if (!replace_file(path_.string(), text)) return cannot_write(path_);
  saved_ = std::move(text);
  return {};
}

}  // namespace postroad::daemon
