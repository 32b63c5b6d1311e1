// The public interface of the journal: Spool, Incoming and Reader over the engine. See journal.hpp.
#include "spool/journal/journal.hpp"

#include <algorithm>
#include <random>

#include "spool/journal/crc32c.hpp"
#include "spool/journal/engine.hpp"
#include "spool/journal/envelope_codec.hpp"

namespace postroad::spool {

namespace {

class JournalIncoming final : public Incoming {
 public:
  JournalIncoming(std::shared_ptr<Engine> engine, QueueId id)
      : engine_(std::move(engine)), id_(id) {}
  JournalIncoming(const JournalIncoming&) = delete;
  JournalIncoming& operator=(const JournalIncoming&) = delete;
  ~JournalIncoming() override {
    if (flow_) engine_->abandon(flow_);
  }

  [[nodiscard]] QueueId id() const override { return id_; }

  Result<void> append(std::string_view bytes) override {
    size_ += bytes.size();
    const auto most = engine_->chunk_size();
    while (!bytes.empty()) {
      if (buffer_.size() == most) submit_chunk();
      if (buffer_.capacity() < most) buffer_ = engine_->take_buffer();
      const auto part = bytes.substr(0, most - buffer_.size());
      buffer_.append(part);
      bytes.remove_prefix(part.size());
    }
    if (flow_ && flow_->failed.load()) return flow_->error;
    return {};
  }

  [[nodiscard]] bool ready() const override { return engine_->ready(); }
  void when_ready(std::function<void()> resume) override { engine_->when_ready(std::move(resume)); }

  void prepend(std::string_view bytes) override {
    size_ += bytes.size();
    head_.insert(0, bytes);
  }

  void commit(Envelope envelope, Done done) override {
    engine_->submit(commit_work(envelope, {}, std::move(done)));
  }

  void commit_with(const Envelope& envelope, QueueId other, std::vector<OutcomeRecord> outcomes,
                   Done done) {
    std::string joined;
    std::string encoded;
    encode(encoded, outcomes);
    append_joined(joined, other.value, encoded);
    auto work = commit_work(envelope, joined, std::move(done));
    work.flags = flag_joined;
    work.other = other.value;
    engine_->submit_joined(std::move(work), std::move(outcomes));
  }

 private:
  Work commit_work(const Envelope& envelope, std::string_view joined, Done done) {
    if (flow_ && !head_.empty()) submit_head();
    auto work = next_work(Kind::commit);
    work.size = size_;
    work.recipients = static_cast<std::uint32_t>(envelope.recipients.size());
    work.front = commit_payload_front(envelope, size_);
    work.front += head_;  // in a message of one record the head follows the envelope
    work.bytes += joined;
    work.payload_crc = crc32c(crc32c(engine_->payload_seed(), work.front), work.bytes);
    work.flow = std::exchange(flow_, nullptr);
    work.done = std::move(done);
    return work;
  }

  Work next_work(Kind kind) {
    Work work;
    work.kind = kind;
    work.id = id_.value;
    work.part = chunks_;
    work.bytes = std::exchange(buffer_, {});
    return work;
  }

  void submit_chunk() {
    auto work = next_work(Kind::chunk);
    ++chunks_;
    if (!flow_) flow_ = std::make_shared<Flow>();
    work.flow = flow_;
    work.payload_crc = crc32c(engine_->payload_seed(), work.bytes);
    engine_->submit(std::move(work));
  }

  // The chunks are already with the writer: the head is one more, marked with its position.
  void submit_head() {
    Work work;
    work.kind = Kind::chunk;
    work.id = id_.value;
    work.part = head_part;
    work.bytes = std::exchange(head_, {});
    work.flow = flow_;
    work.payload_crc = crc32c(engine_->payload_seed(), work.bytes);
    ++chunks_;
    engine_->submit(std::move(work));
  }

  std::shared_ptr<Engine> engine_;
  QueueId id_;
  std::string buffer_;
  std::string head_;  // bytes from `prepend`
  std::uint64_t size_ = 0;
  std::uint32_t chunks_ = 0;
  std::shared_ptr<Flow> flow_;
};

Result<ReadRecord> read_place(const Snapshot::Place& place) {
  if (place.segment) return read_record(*place.segment, place.at);
  return fail(Fault::damaged, segment_name(place.at.segment), "missing from the spool's folder");
}

/// Reads a record and checks that it belongs to the message.
Result<ReadRecord> read_place(const Snapshot::Place& place, QueueId id) {
  auto record = read_place(place);
  if (!record || record->header.id == id.value) return record;
  return fail(Fault::damaged, segment_name(place.at.segment),
              "the record there belongs to another message");
}

Error unknown_form(QueueId id) {
  return fail(Fault::damaged, "message " + id.text(), "one of its records has an unknown format");
}

class JournalReader final : public Reader {
 public:
  JournalReader(std::shared_ptr<Engine> engine, QueueId id, Snapshot snapshot)
      : engine_(std::move(engine)), id_(id), snapshot_(std::move(snapshot)) {}

  Result<std::string_view> next() override {
    if (snapshot_.damaged) {
      return fail(Fault::damaged, "message " + id_.text(),
                  "a part is lost; ask the sender to send it again");
    }
    auto part = next_part();
    if (!part && part.error().fault == Fault::damaged) engine_->note_damage(id_, part.error());
    return part;
  }

 private:
  Result<std::string_view> next_part() {
    if (at_ > snapshot_.chunks.size()) return std::string_view{};
    const bool last = at_ == snapshot_.chunks.size();
    auto record = read_place(last ? snapshot_.commit : snapshot_.chunks[at_], id_);
    if (!record) return record.error();
    ++at_;
    record_ = std::move(*record);
    if (!last) return record_.payload();
    const auto front = decode_commit_front(record_.payload());
    if (!front) return unknown_form(id_);
    return record_.payload().substr(CommitFront::size_on_disk + front->envelope);
  }

  std::shared_ptr<Engine> engine_;
  QueueId id_;
  Snapshot snapshot_;
  std::size_t at_ = 0;
  ReadRecord record_;
};

class Journal final : public Spool {
 public:
  explicit Journal(std::shared_ptr<Engine> engine) : engine_(std::move(engine)) {}
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;
  ~Journal() override { engine_->stop(); }

  Result<std::unique_ptr<Incoming>> begin() override {
    const auto id = engine_->next_id();
    if (!id) return id.error();
    return std::unique_ptr<Incoming>(std::make_unique<JournalIncoming>(engine_, *id));
  }

  Result<void> room(std::uint64_t bytes) override { return engine_->room(bytes); }

  Result<void> health() override { return engine_->health(); }

  Result<Envelope> envelope(QueueId id) override {
    const auto snapshot = engine_->find(id);
    if (!snapshot) return snapshot.error();
    auto envelope = read_envelope(id, *snapshot, *engine_);
    if (!envelope && envelope.error().fault == Fault::damaged)
      engine_->note_damage(id, envelope.error());
    return envelope;
  }

  Result<std::uint64_t> size(QueueId id) override {
    const auto snapshot = engine_->find(id);
    if (!snapshot) return snapshot.error();
    return snapshot->size;
  }

  Result<std::unique_ptr<Reader>> read(QueueId id) override {
    auto snapshot = engine_->find(id);
    if (!snapshot) return snapshot.error();
    return std::unique_ptr<Reader>(
        std::make_unique<JournalReader>(engine_, id, std::move(*snapshot)));
  }

  std::vector<Summary> list() override { return engine_->list(); }
  std::vector<Summary> list_after(QueueId last, std::size_t most) override {
    return engine_->list_after(last, most);
  }
  void record(QueueId id, std::vector<OutcomeRecord> outcomes, Done done) override {
    engine_->submit_outcomes(id, std::move(outcomes), std::move(done));
  }
  void commit_with(std::unique_ptr<Incoming> incoming, Envelope envelope, QueueId other,
                   std::vector<OutcomeRecord> outcomes, Done done) override {
    static_cast<JournalIncoming&>(*incoming).commit_with(envelope, other, std::move(outcomes),
                                                         std::move(done));
  }
  void remove(QueueId id, Done done) override { engine_->submit_removal(id, std::move(done)); }
  void on_committed(std::function<void(QueueId)> listener) override {
    engine_->on_committed(std::move(listener));
  }
  [[nodiscard]] Statistics statistics() const override { return engine_->statistics(); }
  [[nodiscard]] std::vector<std::string> findings() const override { return engine_->findings(); }

 private:
  static Result<Envelope> read_envelope(QueueId id, const Snapshot& snapshot, Engine& engine) {
    const auto record = read_place(snapshot.commit, id);
    if (!record) return record.error();
    auto commit = decode_commit_payload(record->payload());
    if (!commit) return unknown_form(id);
    for (const auto& place : snapshot.outcomes) {
      const auto outcome = read_place(place);
      const auto outcomes = outcome ? outcomes_in(*outcome, id.value) : outcome.error();
      if (outcomes) {
        apply(commit->envelope, *outcomes);
        continue;
      }
      // As at the start: the recipients may be tried, and their sender told, again.
      if (outcomes.error().fault != Fault::damaged) return outcomes.error();
      engine.note_lost_outcome(id, outcomes.error());
    }
    apply(commit->envelope, snapshot.unsaved);
    return std::move(commit->envelope);
  }

  std::shared_ptr<Engine> engine_;
};

JournalOptions within_bounds(JournalOptions options) {
  constexpr std::uint64_t least_segment = 2 * head_page_size;
  constexpr std::uint64_t most_segment = 1ULL << 30;
  constexpr std::size_t least_chunk = 64;
  constexpr std::size_t most_chunk = 64 << 20;
  options.segment_size = std::clamp(options.segment_size, least_segment, most_segment);
  options.chunk_size = std::clamp(options.chunk_size, least_chunk, most_chunk);
  return options;
}

Salt new_salt() {
  std::random_device device;
  return {std::uint64_t{device()} << 32 | device()};
}

}  // namespace

Result<std::unique_ptr<Spool>> open_journal(std::unique_ptr<Disk> disk,
                                            const JournalOptions& options, std::int64_t now) {
  auto recovered = recover(*disk);
  if (!recovered) return recovered.error();
  const auto salt = recovered->salt ? *recovered->salt : new_salt();
  const auto micros = now > 0 ? static_cast<std::uint64_t>(now) * 1000 : 0;
  const auto last_id = std::max({micros, recovered->last_id, options.ids_after});
  auto engine = std::make_shared<Engine>(std::move(disk), within_bounds(options),
                                         std::move(*recovered), salt, last_id);
  engine->start();
  return std::unique_ptr<Spool>(std::make_unique<Journal>(std::move(engine)));
}

}  // namespace postroad::spool
