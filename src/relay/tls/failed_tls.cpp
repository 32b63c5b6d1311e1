// See failed_tls.hpp.
#include "relay/tls/failed_tls.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "base/descriptor.hpp"
#include "base/percent.hpp"
#include "base/text.hpp"

namespace postroad::relay::tls {

namespace {

constexpr std::size_t longest_reason = 200;  // bytes

std::string line_of(const std::string& host, const FailedTls::Failure& failure) {
  return percent_encode(host) + ' ' + std::to_string(failure.until) + ' ' +
         percent_encode(failure.reason.substr(0, longest_reason)) + '\n';
}

Error cannot_write(const std::filesystem::path& file) {
  return fail(errno == ENOSPC ? Fault::full : Fault::io, file.string(),
              "cannot be written: " + std::generic_category().message(errno));
}

}  // namespace

FailedTls::FailedTls(std::filesystem::path file, bool only_reads)
    : file_(std::move(file)), only_reads_(only_reads) {
  if (file_.empty()) return;
  const Descriptor in(::open(file_.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  std::string text;
  if (!in || !read_to_end(in.get(), text)) return;
  for (const auto line : split(text, '\n')) {
    ++lines_;
    const auto words = split(line, ' ');
    const auto until = words.size() == 3 ? parse_number(words[1]) : std::nullopt;
    const auto host = percent_decode(words.front());
    if (!until || !host || failures_.size() >= most) continue;
    failures_[*host] = {static_cast<std::int64_t>(*until),
                        percent_decode(words[2]).value_or(std::string())};
  }
}

std::optional<FailedTls::Failure> FailedTls::find(const std::string& host, std::int64_t now) const {
  const auto found = failures_.find(host);
  if (found == failures_.end() || found->second.until <= now) return std::nullopt;
  return found->second;
}

Result<void> FailedTls::add(const std::string& host, Failure failure, std::int64_t now) {
  std::erase_if(failures_, [now](const auto& one) { return one.second.until <= now; });
  if (failures_.size() >= most && !failures_.contains(host))
    failures_.erase(std::min_element(
        failures_.begin(), failures_.end(),
        [](const auto& one, const auto& other) { return one.second.until < other.second.until; }));
  const auto& kept = failures_[host] = std::move(failure);
  return lines_ > 2 * failures_.size() + 100 ? save() : append(host, kept);
}

bool FailedTls::remove(const std::string& host) {
  if (failures_.erase(host) == 0) return false;
  (void)save();
  return true;
}

Result<void> FailedTls::append(const std::string& host, const Failure& failure) {
  if (file_.empty() || only_reads_) return {};
  const Descriptor out(
      ::open(file_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!out || !write_all(out.get(), line_of(host, failure)) || ::fdatasync(out.get()) != 0)
    return cannot_write(file_);
  ++lines_;
  return {};
}

Result<void> FailedTls::save() {
  if (file_.empty() || only_reads_) return {};
  std::string text;
  for (const auto& [host, failure] : failures_) text += line_of(host, failure);
  if (!replace_file(file_.string(), text)) return cannot_write(file_);
  lines_ = failures_.size();
  return {};
}

}  // namespace postroad::relay::tls
