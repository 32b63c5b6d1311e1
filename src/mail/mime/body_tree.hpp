// The body of a draft as a tree of parts: which multipart stands in which. Not here: how a part is
// written (entity_writer.hpp).
#pragma once

#include <postroad/result.hpp>

#include <functional>
#include <string>

#include "mail/mime/draft.hpp"

namespace postroad::mail {

/// `content_id` gives an unguessable `left@right`. Error: Fault::input when parts do not go
/// together.
Result<Entity> body_tree(const Draft& draft, const std::function<std::string()>& content_id);

}  // namespace postroad::mail
