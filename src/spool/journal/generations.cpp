// Several journals as one; see generations.hpp.
#include "spool/journal/generations.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/descriptor.hpp"
#include "spool/disk/posix_disk.hpp"

namespace postroad::spool {

namespace {

constexpr std::string_view first_name = "spool";
constexpr std::string_view gone_name = "gone-spool-";  // an empty spool that is being removed

// The old process still assigns ids while its sessions end: more than it can in that time.
constexpr std::uint64_t ids_reserved_for_old_process = 600'000'000;

// An older spool receives only outcomes and removals.
constexpr std::uint64_t older_segment_size = 1 << 20;

bool sync_folder(const std::filesystem::path& folder) {
  const Descriptor opened(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return opened && ::fsync(opened.get()) == 0;
}

std::optional<unsigned> number_of(std::string_view name) {
  if (name == first_name) return 0;
  if (!name.starts_with("spool-")) return std::nullopt;
  name.remove_prefix(first_name.size() + 1);
  unsigned number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  const bool whole = error == std::errc() && end == name.data() + name.size() && number > 0;
  return whole ? std::optional(number) : std::nullopt;
}

}  // namespace

std::filesystem::path Generations::folder(unsigned number) const {
  return settings_.data /
         (number == 0 ? std::string(first_name) : "spool-" + std::to_string(number));
}

std::set<unsigned> Generations::numbers() const {
  std::set<unsigned> found;
  std::error_code error;
  for (std::filesystem::directory_iterator at(settings_.data, error), end; !error && at != end;
       at.increment(error)) {
    if (const auto number = number_of(at->path().filename().string())) found.insert(*number);
  }
  return found;
}

Result<std::unique_ptr<Spool>> Generations::open_one(unsigned number, const JournalOptions& options,
                                                     std::int64_t now) const {
  auto disk = open_posix_disk(folder(number).string());
  if (!disk) return disk.error();
  return open_journal(std::move(*disk), options, now);
}

Result<std::unique_ptr<Generations>> Generations::open(Settings settings, std::int64_t now) {
  std::unique_ptr<Generations> made(new Generations(std::move(settings)));
  const auto found = made->numbers();
  made->number_ = found.empty() ? 0 : *found.rbegin() + (made->settings_.takes_over ? 1 : 0);
  auto options = made->settings_.journal;
  if (made->settings_.takes_over) {
    options.ids_after = made->settings_.ids_after + ids_reserved_for_old_process;
  } else {
    // The newest spool's lock decides whether this process may use the folder, before older spools
    // are touched.
    auto newest = open_posix_disk(made->folder(made->number_).string());
    if (!newest) return newest.error();
    made->adopt(now, made->findings_);
    if (!made->older_.empty()) options.ids_after = made->older_.rbegin()->first;
    auto journal = open_journal(std::move(*newest), options, now);
    if (!journal) return journal.error();
    made->newest_ = std::move(*journal);
    made->remove_empty();
    return made;
  }
  auto journal = made->open_one(made->number_, options, now);
  if (!journal) return journal.error();
  made->newest_ = std::move(*journal);
  return made;
}

std::vector<std::shared_ptr<Spool>> Generations::adopt(std::int64_t now,
                                                       std::vector<std::string>& findings) {
  auto options = settings_.journal;
  options.segment_size = older_segment_size;
  options.reserve = 0;
  std::vector<std::shared_ptr<Spool>> adopted;
  for (const auto number : numbers()) {
    if (number >= number_) continue;
    {
      const std::lock_guard lock(mutex_);
      const auto is_it = [&](const auto& older) { return older.second.number == number; };
      if (std::any_of(older_.begin(), older_.end(), is_it)) continue;
    }
    auto spool = open_one(number, options, now);
    if (!spool) {
      if (spool.error().fault != Fault::busy && refused_.insert(number).second)
        findings.push_back(spool.error().text() + "; its messages wait until it can be opened");
      continue;
    }
    refused_.erase(number);
    std::shared_ptr<Spool> shared = std::move(*spool);
    const auto messages = shared->list();
    const auto last = messages.empty() ? 0 : messages.back().id.value;
    for (auto& finding : shared->findings()) findings.push_back(std::move(finding));
    adopted.push_back(shared);
    const std::lock_guard lock(mutex_);
    // An empty spool has no last id: its number sorts it below all others until it is removed.
    older_.insert_or_assign(last != 0 ? last : number, Older{shared, folder(number), number});
  }
  return adopted;
}

Generations::Adopted Generations::tidy(std::int64_t now) {
  Adopted out;
  for (const auto& spool : adopt(now, out.findings)) {
    const auto messages = spool->list();
    out.messages.insert(out.messages.end(), messages.begin(), messages.end());
  }
  remove_empty();
  return out;
}

void Generations::remove_empty() {
  std::vector<Older> empty;
  {
    const std::lock_guard lock(mutex_);
    for (auto at = older_.begin(); at != older_.end();) {
      if (at->second.spool->statistics().messages != 0) {
        ++at;
        continue;
      }
      empty.push_back(std::move(at->second));
      at = older_.erase(at);
    }
  }
  for (auto& older : empty) {
    {
      const auto counted = older.spool->statistics();
      const std::lock_guard lock(mutex_);
      removed_.commits += counted.commits;
      removed_.syncs += counted.syncs;
      removed_.damaged += counted.damaged;
    }
    older.spool.reset();  // releases its lock; readers still in use keep their files
    // The rename is atomic. A half-deleted spool would list messages whose removal records are
    // gone.
    const auto gone = settings_.data / (std::string(gone_name) + std::to_string(older.number));
    std::error_code error;
    std::filesystem::remove_all(gone, error);
    std::filesystem::rename(older.folder, gone, error);
    if (error || !sync_folder(settings_.data)) continue;
    std::filesystem::remove_all(gone, error);
  }
}

std::shared_ptr<Spool> Generations::home_of(QueueId id) const {
  const std::lock_guard lock(mutex_);
  const auto older = older_.lower_bound(id.value);
  return older == older_.end() ? newest_ : older->second.spool;
}

// Two journals have no common record: a message of an older spool gets its outcomes with the next
// sync after the commit, and a crash between them loses these.
void Generations::commit_with(std::unique_ptr<Incoming> incoming, Envelope envelope, QueueId other,
                              std::vector<OutcomeRecord> outcomes, Done done) {
  const auto home = home_of(other);
  if (home == newest_)
    return newest_->commit_with(std::move(incoming), std::move(envelope), other,
                                std::move(outcomes), std::move(done));
  if (const auto size = home->size(other); !size) return done(size.error());
  incoming->commit(std::move(envelope), [home, other, outcomes = std::move(outcomes),
                                         done = std::move(done)](Result<void> kept) mutable {
    if (kept) home->record(other, std::move(outcomes), {});
    done(std::move(kept));
  });
}

std::vector<std::shared_ptr<Spool>> Generations::all() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<Spool>> found;
  for (const auto& [last, older] : older_) found.push_back(older.spool);
  found.push_back(newest_);
  return found;
}

std::vector<Summary> Generations::list() {
  std::vector<Summary> found;
  for (const auto& spool : all()) {
    const auto messages = spool->list();
    found.insert(found.end(), messages.begin(), messages.end());
  }
  return found;
}

// Ids of a newer spool are above all ids of an older one.
std::vector<Summary> Generations::list_after(QueueId last, std::size_t most) {
  std::vector<Summary> found;
  for (const auto& spool : all()) {
    if (found.size() >= most) break;
    const auto messages = spool->list_after(last, most - found.size());
    found.insert(found.end(), messages.begin(), messages.end());
  }
  return found;
}

Statistics Generations::statistics() const {
  Statistics sum;
  {
    const std::lock_guard lock(mutex_);
    sum = removed_;
  }
  for (const auto& spool : all()) {
    const auto one = spool->statistics();
    sum.messages += one.messages;
    sum.bytes += one.bytes;
    sum.disk += one.disk;
    sum.segments += one.segments;
    sum.commits += one.commits;
    sum.syncs += one.syncs;
    sum.damaged += one.damaged;
    sum.last_id = std::max(sum.last_id, one.last_id);
  }
  return sum;
}

std::vector<std::string> Generations::findings() const {
  auto found = findings_;
  for (const auto& spool : all()) {
    for (auto& finding : spool->findings()) found.push_back(std::move(finding));
  }
  return found;
}

}  // namespace postroad::spool
