// See tally.hpp.
#include "relay/tlsrpt/tally.hpp"

#include <fcntl.h>
#include <sys/file.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "base/descriptor.hpp"
#include "base/text.hpp"

namespace postroad::relay::tlsrpt {

namespace {

constexpr std::int64_t day = 86'400'000;
constexpr std::string_view settled_suffix = ".sent";
// A file with many lines for the same counts is written again.
constexpr std::uint64_t small_file = 1 << 20;  // bytes
constexpr std::uint64_t rewrite = std::uint64_t{1} << 62;

Error cannot_write(const std::filesystem::path& file, int code) {
  return fail(code == ENOSPC ? Fault::full : Fault::io, file.string(),
              "cannot be written: " + std::generic_category().message(code));
}

Result<void> append(const std::filesystem::path& file, std::string_view bytes) {
  const Descriptor out(
      ::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!out || !write_all(out.get(), bytes)) return cannot_write(file, errno);
  return {};
}

std::string read(const std::filesystem::path& file) {
  const Descriptor in(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  std::string text;
  if (!in || !read_to_end(in.get(), text)) return {};
  return text;
}

// A crash may have left a part of the last line.
Counts counts_in(const std::string& text) {
  Counts counts;
  counts.take(std::string_view(text).substr(0, text.rfind('\n') + 1));
  return counts;
}

}  // namespace

std::int64_t begin_of_day(std::int64_t when) { return when - when % day; }
std::int64_t end_of_day(std::int64_t when) { return begin_of_day(when) + day; }

Tally::Tally(std::filesystem::path folder, std::int64_t now)
    : folder_(std::move(folder)), begin_(begin_of_day(now)) {
  (void)hold(now);
}

std::filesystem::path Tally::path_of(std::int64_t begin) const {
  return folder_ / std::to_string(begin);
}

std::filesystem::path Tally::path_of(const Ended& period) const {
  return folder_ / (std::to_string(period.begin) + '-' + std::to_string(period.end));
}

// True: this process has the folder, or there is none. The first time it takes in what is there.
bool Tally::hold(std::int64_t now) {
  if (folder_.empty() || lock_) return true;
  std::error_code error;
  const bool is_there = std::filesystem::exists(folder_, error);
  {
    const std::lock_guard lock(mutex_);
    if (!is_there && counts_.is_empty()) return true;  // it is made with the first counts
  }
  if (!is_there && !make_folder()) return true;  // the write says why
  Descriptor file(::open((folder_ / "lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!file) return true;
  if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) return false;
  lock_ = std::move(file);
  load(now);
  return true;
}

// "BEGIN-END" and "BEGIN-END.sent" of a period that has ended, "BEGIN" of one that had not.
void Tally::load(std::int64_t now) {
  std::error_code error;
  std::vector<std::int64_t> open;
  std::vector<Ended> ended;
  std::filesystem::directory_iterator at(folder_, error);
  for (; !error && at != std::filesystem::directory_iterator(); at.increment(error)) {
    const auto name = at->path().filename().string();
    if (const auto begin = parse_number(name))
      open.push_back(static_cast<std::int64_t>(*begin));
    else
      load_ended(name, ended);
  }
  std::sort(open.begin(), open.end());
  std::optional<std::int64_t> last;  // that is still under way
  Counts counts;
  for (std::size_t i = 0; i < open.size(); ++i) {
    const auto text = read(path_of(open[i]));
    auto found = counts_in(text);
    const bool is_last = i + 1 == open.size();
    const auto end = end_of_day(open[i]);
    if (is_last && end > now) {
      last = open[i];
      counts = std::move(found);
      // A part of a line is at its end after a crash: the next write does not append to it.
      bytes_ = text.empty() || text.ends_with('\n') ? text.size() : rewrite;
    } else {
      (void)close(Ended{open[i], is_last ? end : std::min(end, open[i + 1]), found.domains()},
                  ended, true);
    }
  }
  std::sort(ended.begin(), ended.end(),
            [](const Ended& one, const Ended& other) { return one.begin < other.begin; });
  const std::lock_guard lock(mutex_);
  ended_ = std::move(ended);
  if (last)
    begin_ = *last;
  else if (unwritten_.is_empty() && end_of_day(begin_) <= now)
    begin_ = begin_of_day(now);
  // The sessions that were counted while another process had the folder.
  counts.take(unwritten_.lines());
  counts_ = std::move(counts);
}

// The file of a period that has ended gets its final name; one without counts goes. Counts that are
// not on disk are reported from memory.
Result<void> Tally::close(Ended period, std::vector<Ended>& ended, bool is_written) const {
  const auto file = path_of(period.begin);
  Result<void> kept;
  std::error_code error;
  if (period.domains.empty()) {
    if (!folder_.empty()) std::filesystem::remove(file, error);
    return kept;
  }
  if (is_written && !folder_.empty() && std::rename(file.c_str(), path_of(period).c_str()) != 0)
    kept = cannot_write(path_of(period), errno);
  ended.push_back(std::move(period));
  return kept;
}

void Tally::load_ended(const std::string& name, std::vector<Ended>& ended) const {
  const auto words = split(name, '-');
  if (words.size() != 2) return;
  const auto begin = parse_number(words[0]);
  const auto end = parse_number(words[1]);
  if (!begin || !end) return;
  Ended period{static_cast<std::int64_t>(*begin), static_cast<std::int64_t>(*end),
               counts_in(read(folder_ / name)).domains()};
  const auto settled = read(folder_ / (name + std::string(settled_suffix)));
  for (const auto line : split(settled, '\n')) {
    const auto space = std::min(line.find(' '), line.size());
    const std::string domain(line.substr(0, space));
    if (space == line.size())
      period.domains.erase(domain);
    else
      period.sent[domain].emplace(line.substr(space + 1));
  }
  if (period.domains.empty()) {  // a crash left its files
    std::error_code error;
    for (const auto suffix : {std::string_view(), settled_suffix})
      std::filesystem::remove(folder_ / (name + std::string(suffix)), error);
    return;
  }
  ended.push_back(std::move(period));
}

void Tally::add(const tls::TlsSession& session) {
  const std::lock_guard lock(mutex_);
  if (!counts_.add(session)) {
    ++left_out_;
    return;
  }
  (void)unwritten_.add(session);
}

Result<void> Tally::make_folder() const {
  std::error_code error;
  std::filesystem::create_directory(folder_, error);
  if (error) return cannot_write(folder_, error.value());
  return {};
}

// Counts that cannot be written wait for the next time.
Result<void> Tally::write() {
  std::string lines;
  {
    const std::lock_guard lock(mutex_);
    if (folder_.empty() || unwritten_.is_empty()) return {};
    lines = unwritten_.lines();
    unwritten_ = {};
  }
  auto kept = write_lines(lines);
  if (kept) return kept;
  const std::lock_guard lock(mutex_);
  unwritten_.take(lines);
  return kept;
}

Result<void> Tally::write_lines(std::string lines) {
  if (auto made = make_folder(); !made) return made;
  std::filesystem::path file;
  bool is_whole = false;
  {
    const std::lock_guard lock(mutex_);
    file = path_of(begin_);
    is_whole = bytes_ + lines.size() > 4 * counts_.size() + small_file;
    if (is_whole) lines = counts_.lines();
  }
  if (!is_whole) {
    if (auto kept = append(file, lines); !kept) return kept;
    bytes_ += lines.size();
    return {};
  }
  if (!replace_file(file.string(), lines)) return cannot_write(file, errno);
  bytes_ = lines.size();
  return {};
}

Result<void> Tally::end_period(std::int64_t at) {
  const auto written = write();
  const std::lock_guard lock(mutex_);
  auto kept = close({begin_, at, counts_.domains()}, ended_, written.has_value());
  counts_ = {};
  unwritten_ = {};
  bytes_ = 0;
  begin_ = at;
  return written ? kept : written;
}

Result<void> Tally::turn(std::int64_t now, bool at_once) {
  const std::lock_guard disk(disk_);
  if (!hold(now)) return {};
  bool is_over = false;
  bool ends = false;
  {
    const std::lock_guard lock(mutex_);
    is_over = now >= end_of_day(begin_);
    ends = is_over || (at_once && !counts_.is_empty());
  }
  if (!ends) return write();
  auto kept = end_period(is_over ? end_of_day(begin_) : now);
  if (is_over) {
    const std::lock_guard lock(mutex_);
    begin_ = begin_of_day(now);
  }
  // After a restart the next period begins here, too.
  if (!is_over && kept && !folder_.empty()) kept = append(path_of(begin_), {});
  return kept;
}

void Tally::leave() {
  const std::lock_guard disk(disk_);
  if (lock_) (void)write();
  lock_ = Descriptor();
}

std::vector<Tally::Key> Tally::keys() const {
  const std::lock_guard lock(mutex_);
  std::vector<Key> found;
  for (const auto& period : ended_)
    for (const auto& [domain, counts] : period.domains)
      found.push_back({period.begin, period.end, domain, true});
  for (const auto& [domain, counts] : counts_.domains())
    found.push_back({begin_, end_of_day(begin_), domain, false});
  return found;
}

Tally::Ended* Tally::find(const Key& key) {
  const auto period = std::find_if(ended_.begin(), ended_.end(),
                                   [&key](const Ended& one) { return one.begin == key.begin; });
  return period == ended_.end() ? nullptr : &*period;
}

std::optional<Report> Tally::report(const Key& key) const {
  const std::lock_guard lock(mutex_);
  const auto* domains = key.has_ended ? nullptr : &counts_.domains();
  for (const auto& period : ended_)
    if (key.has_ended && period.begin == key.begin) domains = &period.domains;
  if (domains == nullptr) return std::nullopt;
  const auto found = domains->find(key.domain);
  if (found == domains->end()) return std::nullopt;
  return Report{key.domain, key.begin, key.end, found->second};
}

Result<void> Tally::note(const std::filesystem::path& period, const std::string& line) const {
  if (folder_.empty()) return {};
  return append(period.string() + std::string(settled_suffix), line + '\n');
}

Result<void> Tally::note_sent(const Key& key, const std::string& uri) {
  const std::lock_guard disk(disk_);
  std::filesystem::path file;
  {
    const std::lock_guard lock(mutex_);
    auto* const period = find(key);
    if (period == nullptr || !period->sent[key.domain].insert(uri).second) return {};
    file = path_of(*period);
  }
  return note(file, key.domain + ' ' + uri);
}

bool Tally::was_sent(const Key& key, const std::string& uri) const {
  const std::lock_guard lock(mutex_);
  for (const auto& period : ended_) {
    const auto sent = period.sent.find(key.domain);
    if (period.begin == key.begin && sent != period.sent.end() && sent->second.contains(uri))
      return true;
  }
  return false;
}

Result<void> Tally::settle(const Key& key) {
  const std::lock_guard disk(disk_);
  std::filesystem::path file;
  bool is_last = false;
  {
    const std::lock_guard lock(mutex_);
    auto* const period = find(key);
    if (period == nullptr || period->domains.erase(key.domain) == 0) return {};
    file = path_of(*period);
    is_last = period->domains.empty();
    if (is_last) ended_.erase(ended_.begin() + (period - ended_.data()));
  }
  if (!is_last) return note(file, key.domain);
  if (folder_.empty()) return {};
  std::error_code error;
  for (const auto& name : {file, path_of(key.begin),
                           std::filesystem::path(file.string() + std::string(settled_suffix))})
    if (!error) std::filesystem::remove(name, error);
  if (error) return cannot_write(file, error.value());
  return {};
}

std::uint64_t Tally::take_left_out() {
  const std::lock_guard lock(mutex_);
  return std::exchange(left_out_, 0);
}

}  // namespace postroad::relay::tlsrpt
