// See sts_store.hpp.
#include "relay/tls/sts_store.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "base/descriptor.hpp"
#include "base/text.hpp"

namespace postroad::relay::tls {

namespace {

constexpr std::size_t largest = 128 << 10;            // bytes
constexpr std::int64_t latest = 253'402'300'799'000;  // the end of the year 9999
constexpr std::string_view id_field = "id: ";
constexpr std::string_view fetched_field = "fetched: ";

// The names of the files of one folder: no path leads out of it.
bool is_name(const std::string& domain) {
  return !domain.empty() && domain.front() != '.' && domain.find('/') == std::string::npos &&
         domain.size() <= 253;
}

}  // namespace

std::string format_policy(const KeptPolicy& kept) {
  return std::string(id_field) + kept.id + '\n' + std::string(fetched_field) +
         std::to_string(kept.fetched) + "\n\n" + kept.text;
}

std::optional<KeptPolicy> parse_policy(std::string_view text) {
  KeptPolicy made;
  const auto end = text.find("\n\n");
  if (end == std::string_view::npos) return std::nullopt;
  for (const auto line : split(text.substr(0, end), '\n')) {
    if (line.starts_with(id_field)) made.id = line.substr(id_field.size());
    if (line.starts_with(fetched_field))
      made.fetched =
          static_cast<std::int64_t>(parse_number(line.substr(fetched_field.size())).value_or(0));
  }
  made.text = text.substr(end + 2);
  auto policy = parse_sts_policy(made.text);
  if (!policy || made.fetched <= 0 || made.fetched > latest) return std::nullopt;
  made.policy = std::move(*policy);
  return made;
}

std::optional<KeptPolicy> StsStore::load(const std::string& domain, std::string* failure) const {
  if (folder_.empty() || !is_name(domain)) return std::nullopt;
  const Descriptor file(::open(path_of(domain).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  std::string text;
  if (!file || !read_to_end(file.get(), text)) {
    if (errno != ENOENT && failure != nullptr)
      *failure =
          path_of(domain).string() + " cannot be read: " + std::generic_category().message(errno);
    return std::nullopt;
  }
  if (text.size() > largest) return std::nullopt;
  return parse_policy(text);
}

Result<void> StsStore::save(const std::string& domain, const KeptPolicy& kept) const {
  if (folder_.empty() || only_reads_ || !is_name(domain)) return {};
  std::error_code error;
  std::filesystem::create_directory(folder_, error);
  if (!error && replace_file(path_of(domain).string(), format_policy(kept))) return {};
  const int code = error ? error.value() : errno;
  return fail(code == ENOSPC ? Fault::full : Fault::io, path_of(domain).string(),
              "cannot be written: " + std::generic_category().message(code));
}

bool StsStore::remove(const std::string& domain) const {
  std::error_code error;
  return !folder_.empty() && !only_reads_ && is_name(domain) &&
         std::filesystem::remove(path_of(domain), error);
}

void StsStore::remove_over(std::int64_t now) const {
  if (only_reads_) return;
  for (const auto& domain : domains())
    if (const auto kept = load(domain); kept && kept->until() <= now) remove(domain);
}

std::vector<std::string> StsStore::domains() const {
  std::vector<std::string> found;
  if (folder_.empty()) return found;
  std::error_code error;
  std::filesystem::directory_iterator at(folder_, error);
  for (; !error && at != std::filesystem::directory_iterator(); at.increment(error)) {
    auto name = at->path().filename().string();
    if (!name.ends_with("~")) found.push_back(std::move(name));
  }
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace postroad::relay::tls
