// A disk in memory for tests: it knows what was synced and forgets the rest when it crashes, tears
// writes, and fails the call that the test names. Several Disk objects of one TestDisk are the same
// folder, one after the other: that is a restart. Not here: anything of the real file system
// (posix_disk.hpp).
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
  /// What a crash does with writes, cuts and names that were not synced.
  enum class Loss {
    all,     ///< all of it is gone
    random,  ///< each write survives or not, or is torn at some octet; each name survives or not
    none,    ///< the program died and the system lived; a later crash can still take it
  };
  struct Failure {
    std::uint64_t call = 0;  ///< which call fails, from 1; 0: none
    Fault fault = Fault::io;
    bool sticky = false;   ///< all calls from that one on fail
    bool partial = false;  ///< a failing write leaves a random front of its octets
  };

  explicit TestDisk(std::uint64_t seed = 1);

  /// The folder as it is now. The Disk and its files may be used from any thread and outlive the
  /// TestDisk.
  [[nodiscard]] std::unique_ptr<Disk> open() const;

  /// The machine stops. Files that are still open read and write into nothing that is kept.
  void crash(Loss loss);
  /// Counts calls from now on: create, write, sync, truncate, remove, rename, sync_folder.
  void fail(Failure failure);
  /// Calls since the last `fail`.
  [[nodiscard]] std::uint64_t calls() const;
  /// What `available` answers; unlimited at first. Writes do not count against it.
  void set_available(std::uint64_t octets);
  /// Called before each sync of a file, outside all locks: a test holds the writer here. Set before
  /// use.
  void before_sync(std::function<void()> hook);
  /// Syncs of files since the beginning.
  [[nodiscard]] std::uint64_t syncs() const;

  /// A file's octets as a reader sees them; empty when there is none. For tests that damage what is
  /// stored.
  [[nodiscard]] std::string content(const std::string& name) const;
  /// Replaces a file's octets, durably.
  void set_content(const std::string& name, std::string octets);
  [[nodiscard]] std::vector<std::string> names() const;

  struct State;

 private:
  std::shared_ptr<State> state_;
};

}  // namespace postroad::spool
