// A store that keeps nothing: for measuring the way in without a disk. What it takes is lost.
#pragma once

#include "server/hooks.hpp"

namespace postroad::relay {

class NullStore final : public server::Store {
 public:
  Opened open(const server::SessionFacts& facts, const smtp::Transaction& transaction) override;
};

}  // namespace postroad::relay
