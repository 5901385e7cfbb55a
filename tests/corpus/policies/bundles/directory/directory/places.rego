package directory

reach[place] contains place if some place, _ in data.directory.doors

reach[place] contains other if some other in data.directory.doors[place]
