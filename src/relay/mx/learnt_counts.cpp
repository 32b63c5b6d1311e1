// See learnt_counts.hpp.
#include "relay/mx/learnt_counts.hpp"

#include <fcntl.h>

#include "base/descriptor.hpp"
#include "base/percent.hpp"
#include "base/text.hpp"

namespace postroad::relay::mx {

LearntCounts::LearntCounts(std::filesystem::path file) : file_(std::move(file)) {
  if (file_.empty()) return;
  const Descriptor in(::open(file_.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  std::string text;
  if (!in || !read_to_end(in.get(), text)) return;
  for (const auto line : split(text, '\n')) {
    const auto words = split(line, ' ');
    if (words.size() != 3 || known_.size() >= most) continue;
    const auto key = percent_decode(words[0]);
    const auto count = parse_number(words[1]);
    const auto until = parse_number(words[2]);
    if (key && count && *count > 0 && until)
      known_[*key] = {static_cast<std::size_t>(*count), true, static_cast<std::int64_t>(*until)};
  }
}

void LearntCounts::note(const std::string& key, std::size_t count, std::int64_t now) {
  if (count == 0) return;
  const std::lock_guard lock(mutex_);
  if (known_.size() >= most && !known_.contains(key)) known_.clear();  // they are learnt again
  auto& one = known_[key];
  one.is_sure = one.count == count;
  one.count = count;
  one.until = now + memory;
  if (one.is_sure) save();
}

std::size_t LearntCounts::limit(const std::string& key, std::size_t limit, std::int64_t now) const {
  const std::lock_guard lock(mutex_);
  const auto found = known_.find(key);
  const bool is_known = found != known_.end() && found->second.is_sure && now < found->second.until;
  return is_known && found->second.count < limit ? found->second.count : limit;
}

// Without the file they are learnt again.
void LearntCounts::save() const {
  if (file_.empty()) return;
  std::string text;
  for (const auto& [key, one] : known_)
    if (one.is_sure)
      text += percent_encode(key) + ' ' + std::to_string(one.count) + ' ' +
              std::to_string(one.until) + '\n';
  (void)replace_file(file_.string(), text);
}

}  // namespace postroad::relay::mx
