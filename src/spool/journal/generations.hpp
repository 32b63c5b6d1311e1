// The spools of one data folder as one Spool: the newest takes new messages, older ones are emptied
// and then removed. There are several after a hand-over: the process that takes over creates a new
// spool at once, while the old process still finishes sessions and deliveries in its own. When the
// old process has ended, the new one adopts what it left. Each is a journal in a folder: `spool`,
// `spool-1`, `spool-2`. Ids of a newer spool are above all ids of an older one, so that an id alone
// tells the spool of a message (docs/design/07-hand-over.md).
#pragma once

#include <filesystem>
#include <map>
#include <mutex>
#include <set>

#include "spool/journal/journal.hpp"

namespace postroad::spool {

class Generations final : public Spool {
 public:
  struct Settings {
    std::filesystem::path data;
    JournalOptions journal;
    /// The newest spool still belongs to another process: one more is created. `ids_after` is that
    /// process's last id.
    bool takes_over = false;
    std::uint64_t ids_after = 0;
  };
  /// Error: Fault::busy if another process holds the newest spool and this one does not take over;
  /// otherwise as open_journal.
  static Result<std::unique_ptr<Generations>> open(Settings settings, std::int64_t now);

  struct Adopted {
    std::vector<Summary> messages;
    std::vector<std::string> findings;
  };
  /// Opens older spools that no process holds now, and removes empty ones. Call it from time
  /// to time, from one thread. `now` is Unix time in milliseconds.
  Adopted tidy(std::int64_t now);

  Result<std::unique_ptr<Incoming>> begin() override { return newest_->begin(); }
  Result<void> room(std::uint64_t bytes) override { return newest_->room(bytes); }
  Result<void> health() override { return newest_->health(); }
  Result<Envelope> envelope(QueueId id) override { return home_of(id)->envelope(id); }
  Result<std::uint64_t> size(QueueId id) override { return home_of(id)->size(id); }
  Result<std::unique_ptr<Reader>> read(QueueId id) override { return home_of(id)->read(id); }
  std::vector<Summary> list() override;
  std::vector<Summary> list_after(QueueId last, std::size_t most) override;
  void record(QueueId id, std::vector<OutcomeRecord> outcomes, Done done) override {
    home_of(id)->record(id, std::move(outcomes), std::move(done));
  }
  void commit_with(std::unique_ptr<Incoming> incoming, Envelope envelope, QueueId other,
                   std::vector<OutcomeRecord> outcomes, Done done) override;
  void remove(QueueId id, Done done) override { home_of(id)->remove(id, std::move(done)); }
  void on_committed(std::function<void(QueueId)> listener) override {
    newest_->on_committed(std::move(listener));
  }
  [[nodiscard]] Statistics statistics() const override;
  [[nodiscard]] std::vector<std::string> findings() const override;

 private:
  struct Older {
    std::shared_ptr<Spool> spool;
    std::filesystem::path folder;
    unsigned number = 0;
  };
  explicit Generations(Settings settings) : settings_(std::move(settings)) {}
  [[nodiscard]] std::set<unsigned> numbers() const;
  [[nodiscard]] std::filesystem::path folder(unsigned number) const;
  Result<std::unique_ptr<Spool>> open_one(unsigned number, const JournalOptions& options,
                                          std::int64_t now) const;
  std::vector<std::shared_ptr<Spool>> adopt(std::int64_t now, std::vector<std::string>& findings);
  void remove_empty();
  [[nodiscard]] std::shared_ptr<Spool> home_of(QueueId id) const;
  [[nodiscard]] std::vector<std::shared_ptr<Spool>> all() const;

  Settings settings_;
  unsigned number_ = 0;
  std::shared_ptr<Spool> newest_;
  std::vector<std::string> findings_;  // of older spools, at the start
  std::set<unsigned> refused_;         // older spools that cannot be opened and were reported
  mutable std::mutex mutex_;
  std::map<std::uint64_t, Older> older_;  // by the last id that each may contain
  Statistics removed_;                    // the counters of removed spools
};

}  // namespace postroad::spool
