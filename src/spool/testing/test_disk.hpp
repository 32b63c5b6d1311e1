// A disk in memory for tests: it knows what was synced, loses the rest in a crash, tears writes,
// and fails the call that the test chooses. Several Disk objects of one TestDisk, one after the
// other, are restarts on the same folder. Not here: the real file system (posix_disk.hpp).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "spool/disk/disk.hpp"

namespace postroad::spool {

class TestDisk final {
 public:
  /// Effect of a crash on writes, truncations and names that were not synced.
  enum class Loss {
    all,     ///< all are lost
    random,  ///< each write survives or not, or is torn at some byte; each name survives or not
    none,    ///< only the process died; a later crash can still lose them
  };
  struct Failure {
    std::uint64_t call = 0;  ///< number of the call that fails, from 1; 0: none
    Fault fault = Fault::io;
    bool sticky = false;   ///< all calls from that one on fail
    bool partial = false;  ///< a failing write leaves a random prefix
  };

  explicit TestDisk(std::uint64_t seed = 1);

  /// The folder as it is now. The Disk and its files may be used from any thread and outlive the
  /// TestDisk.
  [[nodiscard]] std::unique_ptr<Disk> open() const;

  /// The machine stops. Files that are still open keep a state that no later open sees.
  void crash(Loss loss);
  /// Counts calls from now on: create, write, sync, truncate, remove, rename, sync_folder.
  void fail(Failure failure);
  /// Calls since the last `fail`.
  [[nodiscard]] std::uint64_t calls() const;
  /// Result of `available`; unlimited at first. Writes do not reduce it.
  void set_available(std::uint64_t bytes);
  /// Called before each sync of a file, without a lock: a test can hold the writer here. Set it
  /// before use.
  void before_sync(std::function<void()> hook);
  /// Syncs of files since the beginning.
  [[nodiscard]] std::uint64_t syncs() const;

  /// A file's bytes as a reader sees them; empty without the file. For tests that damage files.
  [[nodiscard]] std::string content(const std::string& name) const;
  /// Replaces a file's bytes, durably.
  void set_content(const std::string& name, std::string bytes);
  [[nodiscard]] std::vector<std::string> names() const;

  struct State;

 private:
  std::shared_ptr<State> state_;
};

}  // namespace postroad::spool
