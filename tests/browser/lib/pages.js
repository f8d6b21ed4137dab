// The pages of the console, for checks that cover all of them.

/** The path of each page, with its heading. */
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
