// The spool in memory; see memory.hpp. Messages are shared with their readers, so that a removed
// message can still be read to its end.
#include "spool/memory.hpp"

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>

#include "spool/journal/envelope_codec.hpp"

namespace postroad::spool {

namespace {

struct Stored {
  Envelope envelope;
  std::shared_ptr<const std::string> bytes;
};

Error absent(QueueId id) {
  return fail(Fault::not_found, "message " + id.text(),
              "not in the queue: it was removed, or never existed");
}

class MemoryReader final : public Reader {
 public:
  explicit MemoryReader(std::shared_ptr<const std::string> bytes) : bytes_(std::move(bytes)) {}
  Result<std::string_view> next() override {
    if (std::exchange(read_, true)) return std::string_view{};
    return std::string_view{*bytes_};
  }

 private:
  std::shared_ptr<const std::string> bytes_;
  bool read_ = false;
};

class MemorySpool final : public Spool {
 public:
  explicit MemorySpool(std::uint64_t last_id) : last_id_(last_id) {}

  Result<std::unique_ptr<Incoming>> begin() override;

  Result<std::uint64_t> size(QueueId id) override {
    const std::lock_guard lock(mutex_);
    const auto found = messages_.find(id);
    if (found == messages_.end()) return absent(id);
    return std::uint64_t{found->second.bytes->size()};
  }

  Result<void> room(std::uint64_t) override { return {}; }

  Result<Envelope> envelope(QueueId id) override {
    const std::lock_guard lock(mutex_);
    const auto found = messages_.find(id);
    if (found == messages_.end()) return absent(id);
    return found->second.envelope;
  }

  Result<std::unique_ptr<Reader>> read(QueueId id) override {
    const std::lock_guard lock(mutex_);
    const auto found = messages_.find(id);
    if (found == messages_.end()) return absent(id);
    return std::unique_ptr<Reader>(std::make_unique<MemoryReader>(found->second.bytes));
  }

  std::vector<Summary> list() override {
    const std::lock_guard lock(mutex_);
    std::vector<Summary> out;
    for (const auto& [id, stored] : messages_) out.push_back({id, stored.bytes->size()});
    return out;
  }

  std::vector<Summary> list_after(QueueId last, std::size_t most) override {
    const std::lock_guard lock(mutex_);
    std::vector<Summary> out;
    for (auto at = messages_.upper_bound(last); at != messages_.end() && out.size() < most; ++at)
      out.push_back({at->first, at->second.bytes->size()});
    return out;
  }

  void record(QueueId id, std::vector<OutcomeRecord> outcomes, Done done) override {
    const auto result = keep(id, outcomes);
    if (done) done(result);
  }

  void commit_with(std::unique_ptr<Incoming> incoming, Envelope envelope, QueueId other,
                   std::vector<OutcomeRecord> outcomes, Done done) override {
    if (auto kept = keep(other, outcomes); !kept) return done(std::move(kept));
    incoming->commit(std::move(envelope), std::move(done));
  }

  void remove(QueueId id, Done done) override {
    {
      const std::lock_guard lock(mutex_);
      messages_.erase(id);
    }
    if (done) done({});
  }

  void on_committed(std::function<void(QueueId)> listener) override {
    listener_ = std::move(listener);
  }

  [[nodiscard]] Statistics statistics() const override {
    const std::lock_guard lock(mutex_);
    Statistics out;
    out.messages = messages_.size();
    for (const auto& [id, stored] : messages_) out.bytes += stored.bytes->size();
    out.commits = commits_;
    return out;
  }

  [[nodiscard]] std::vector<std::string> findings() const override { return {}; }

  void commit(QueueId id, Stored stored, const Done& done) {
    {
      const std::lock_guard lock(mutex_);
      messages_.emplace(id, std::move(stored));
      ++commits_;
    }
    if (listener_) listener_(id);
    if (done) done({});
  }

 private:
  Result<void> keep(QueueId id, const std::vector<OutcomeRecord>& outcomes) {
    const std::lock_guard lock(mutex_);
    const auto found = messages_.find(id);
    if (found == messages_.end()) return absent(id);
    const auto count = found->second.envelope.recipients.size();
    const bool within = std::all_of(outcomes.begin(), outcomes.end(),
                                    [&](const auto& outcome) { return outcome.recipient < count; });
    if (!within) {
      return fail(Fault::input, "message " + id.text(),
                  "the outcome's recipient index is outside the envelope");
    }
    apply(found->second.envelope, outcomes);
    return {};
  }

  mutable std::mutex mutex_;
  std::map<QueueId, Stored> messages_;
  std::atomic<std::uint64_t> last_id_;
  std::uint64_t commits_ = 0;
  std::function<void(QueueId)> listener_;
};

class MemoryIncoming final : public Incoming {
 public:
  MemoryIncoming(MemorySpool& spool, QueueId id) : spool_(spool), id_(id) {}
  [[nodiscard]] QueueId id() const override { return id_; }
  Result<void> append(std::string_view bytes) override {
    bytes_.append(bytes);
    return {};
  }
  [[nodiscard]] bool ready() const override { return true; }
  void when_ready(std::function<void()> resume) override { resume(); }
  void prepend(std::string_view bytes) override { bytes_.insert(0, bytes); }
  void commit(Envelope envelope, Done done) override {
    auto bytes = std::make_shared<const std::string>(std::move(bytes_));
    spool_.commit(id_, {std::move(envelope), std::move(bytes)}, done);
  }

 private:
  MemorySpool& spool_;
  QueueId id_;
  std::string bytes_;
};

Result<std::unique_ptr<Incoming>> MemorySpool::begin() {
  return std::unique_ptr<Incoming>(std::make_unique<MemoryIncoming>(*this, QueueId{++last_id_}));
}

}  // namespace

std::unique_ptr<Spool> make_memory_spool(std::uint64_t last_id) {
  return std::make_unique<MemorySpool>(last_id);
}

}  // namespace postroad::spool
