// Which pages there are, for what is said of each of them.

/** Every page, and the heading by which it is there. */
export const PAGES = {
  "/": "Connections",
  "/connections/slack": "Slack",
  "/connections/remote": "Remote",
  "/connections/slack/users": "Users of Slack",
  "/connections/slack/match": "Match Slack",
  "/people": "People",
  "/mappings": "Mappings",
  "/providers": "Plugins",
  "/providers/slack": "Slack",
  "/audit": "Audit",
  "/service": "Service",
};
