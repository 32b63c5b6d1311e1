// Builds the tree of parts for the body of a draft: which multipart contains which.
// Not here: writing the parts (entity_writer.hpp).
#pragma once

#include <postroad/result.hpp>

#include <functional>
#include <string>

#include "mail/mime/draft.hpp"

namespace postroad::mail {

/// `content_id` returns a new, unguessable `left@right` for each embedded part. Error: Fault::input
/// for bodies that cannot be combined.
Result<Entity> body_tree(const Draft& draft, const std::function<std::string()>& content_id);

}  // namespace postroad::mail
