// Package sessions has ready stores for chiru.Config.Store: one in memory, for shards that restart
// within a process, and one in a folder, for processes that restart. File is for cluster.Config.Budget.
package sessions
